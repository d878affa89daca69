#include "tests/stress/harness.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(HEAPPROF_TEST_TSAN)
// Children of programs with threads make threads here, on purpose.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() {
  return "die_after_fork=0:second_deadlock_stack=1";
}
#endif

namespace heapprof::stress {
namespace {

constexpr int kWatchdogSeconds = 90;

double runSeconds() {
  const char* text = std::getenv("STRESS_SECONDS");
  return text == nullptr ? 1.0 : std::atof(text);
}

std::uint64_t baseSeed() {
  static const std::uint64_t seed = [] {
    const char* text = std::getenv("STRESS_SEED");
    return text == nullptr ? std::uint64_t{20260101} : std::strtoull(text, nullptr, 0);
  }();
  return seed;
}

void onAlarm(int) {
  constexpr char kMessage[] = "stress: no end within the watchdog's time: a deadlock or a livelock\n";
  (void)!write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  std::abort();
}

}  // namespace

// Shared with children, so that what they did counts.
Tally& tally() noexcept {
  static Tally* const instance = [] {
    void* shared = mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) std::abort();
    return new (shared) Tally;
  }();
  return *instance;
}

std::uint64_t seedFor(std::uint64_t salt) noexcept {
  base::Random random(baseSeed() * 1000003 + salt);
  return random.next();
}

Deadline::Deadline(double share) noexcept
    : end_(std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                                  std::chrono::duration<double>(runSeconds() * share))) {}

std::string waitFor(pid_t child, int seconds) {
  for (int milliseconds = 0;; milliseconds++) {
    int status = 0;
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
      if (WIFSIGNALED(status)) return std::string("child killed by ") + strsignal(WTERMSIG(status));
      return "child ended with " + std::to_string(WEXITSTATUS(status));
    }
    if (ended < 0 && errno != EINTR) return std::string("waitpid: ") + std::strerror(errno);
    if (milliseconds >= seconds * 1000) {
      kill(child, SIGABRT);
      waitpid(child, &status, 0);
      return "child hung for " + std::to_string(seconds) + " s: deadlock";
    }
    const timespec pause{0, milliseconds < 20 ? 100'000 : 1'000'000};
    nanosleep(&pause, nullptr);
  }
}

std::uint64_t residentKilobytes() {
  FILE* file = std::fopen("/proc/self/statm", "re");
  unsigned long total = 0;
  unsigned long resident = 0;
  if (file == nullptr || std::fscanf(file, "%lu %lu", &total, &resident) != 2) return 0;
  std::fclose(file);
  return resident * static_cast<unsigned long>(sysconf(_SC_PAGESIZE)) / 1024;
}

void Intervals::SetUp() {
  if (GetParam() != 0 && family().setInterval == nullptr) GTEST_SKIP() << family().name << " cannot sample";
  if (family().setInterval != nullptr) family().setInterval(GetParam());
  RecordProperty("seed", std::to_string(baseSeed()));
  alarm(static_cast<unsigned>(kWatchdogSeconds + runSeconds() * 2));
}

void Intervals::TearDown() {
  alarm(0);
  if (family().setInterval != nullptr) family().setInterval(0);
}

namespace {

class Summary : public ::testing::Environment {
  void SetUp() override {
    tally();  // before the first fork
    signal(SIGALRM, onAlarm);
    std::printf("[stress] allocator %s, seed %llu, STRESS_SECONDS %.1f\n", family().name,
                static_cast<unsigned long long>(baseSeed()), runSeconds());
    const char* expected = std::getenv("HEAPPROF_TEST_EXPECTS");
    if (expected != nullptr) {
      EXPECT_STREQ(family().name, expected);
    }
  }
  void TearDown() override {
    const auto print = [](const char* name, const std::atomic<std::uint64_t>& value) {
      std::printf(" %s %llu", name, static_cast<unsigned long long>(value.load()));
    };
    std::printf("[stress] done:");
    print("operations", tally().operations);
    print("verified-blocks", tally().verifiedBlocks);
    print("bytes-of-verified-blocks", tally().verifiedBytes);
    print("threads", tally().threads);
    print("forks", tally().forks);
    print("dlopens", tally().loads);
    print("signals", tally().signals);
    print("faults-injected", tally().faults);
    std::printf("\n");
  }
};

[[maybe_unused]] const auto* const kSummary = ::testing::AddGlobalTestEnvironment(new Summary);

}  // namespace
}  // namespace heapprof::stress

// The whole runtime at once: threads walk, come, go and sleep while the helper thread keeps the heap up, rows
// of the timeline are made, every trigger fires, and others ask for dumps and figures, by the API, by signal
// and at the control socket. Wants the HEAPPROF that CMakeLists.txt sets.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "heapprof/heapprof.h"

#include "runtime/entry/control.h"
#include "runtime/entry/control_socket.h"
#include "runtime/entry/helper.h"
#include "runtime/pages/scores.h"
#include "runtime/sampling/read.h"
#include "tests/stress/worker.h"

namespace heapprof::stress {
namespace {

constexpr int kHangSeconds = 30;

void pauseMillis(int millis) {
  std::this_thread::sleep_for(std::chrono::milliseconds(millis));
}

// Grows, falls to nothing, sleeps: the heap that trimming, purging and forming are for.
std::string breathe(std::uint64_t seed, const std::atomic<bool>& stop) {
  Worker worker(seed, {.largest = std::size_t{1} << 20, .heldBytes = 24 << 20});
  while (!stop && !worker.failed()) {
    for (int i = 0; i < 3000; i++) worker.step();
    for (int i = 0; i < 4000; i++) worker.freeOne();  // most; what is left pins slabs
    pauseMillis(30);
  }
  worker.freeAll();
  return worker.error();
}

// Each leaves a parked heap behind, for the helper to borrow.
std::string comeAndGo(std::uint64_t seed, const std::atomic<bool>& stop) {
  std::string error;
  while (!stop && error.empty()) {
    std::thread([&] {
      Worker worker(seed, {.largest = 60000, .heldBytes = 4 << 20});
      for (int i = 0; i < 1500; i++) worker.step();
      worker.freeAll();
      error = worker.error();
    }).join();
    seed++;
    tally().threads++;
    pauseMillis(5);
  }
  return error;
}

bool isBusy(int error) {
  return error == 0 || error == EBUSY;
}

// Every function of the API, in turn. Dumps may meet another's.
std::string callApi(const std::atomic<bool>& stop) {
  constexpr std::uint64_t kIntervals[] = {16384, 512 << 10, 1, 0, 4096};
  for (unsigned turn = 0; !stop; turn++) {
    heapprof_stats stats;
    char json[4096];
    std::uint64_t returned = 0;
    if (heapprof_get_stats(&stats, sizeof stats) != 0) return "heapprof_get_stats failed";
    if (heapprof_stats_json(json, sizeof json) != 0) return "heapprof_stats_json failed";
    if (heapprof_mark("turn") != 0) return "heapprof_mark failed";
    if (heapprof_set_interval(kIntervals[turn % std::size(kIntervals)]) != 0) return "set_interval failed";
    if (turn % 4 == 1 && !isBusy(heapprof_dump(nullptr))) return "heapprof_dump failed";
    if (turn % 4 == 2 && heapprof_purge(&returned) != 0) return "heapprof_purge failed";
    if (turn % 8 == 3) raise(SIGUSR2);
    if (turn % 16 == 5) heapprof_reset();
    pauseMillis(7);
  }
  return "";
}

// One request, one answer. Empty: nobody there yet.
std::string ask(const char* request) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, entry::controlSocketPath(), sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      send(fd, request, std::strlen(request), MSG_NOSIGNAL) > 0) {
    std::array<char, 4096> buffer;
    for (ssize_t got; (got = read(fd, buffer.data(), buffer.size())) > 0;)
      answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(fd);
  return answer;
}

std::string useSocket(const std::atomic<bool>& stop, std::uint64_t* answers) {
  constexpr const char* kRequests[] = {"version\n", "stats\n",      "dump\n",  "mark asked\n",    "purge\n",
                                       "stop\n",    "start 8192\n", "reset\n", "interval 65536\n"};
  for (unsigned turn = 0; !stop; turn++) {
    const char* request = kRequests[turn % std::size(kRequests)];
    const std::string answer = ask(request);
    const bool mayBeBusy = std::strncmp(request, "dump", 4) == 0;
    if (!answer.empty() && !answer.starts_with("ok") && !mayBeBusy) return answer + "(to " + request + ")";
    *answers += answer.empty() ? 0 : 1;
    pauseMillis(10);
  }
  return "";
}

// Children start with their parent's figures, and with no thread of ours.
std::string forkNowAndThen(const std::atomic<bool>& stop) {
#if defined(HEAPPROF_TEST_TSAN)
  while (!stop)
    pauseMillis(10);  // a child's helper: ThreadSanitizer knows no threads made after fork (fork_test.cpp)
#endif
  for (std::uint64_t turn = 0; !stop; turn++) {
    const pid_t child = fork();
    if (child == 0) {
      Worker worker(seedFor(60000 + turn), {.largest = 200000, .heldBytes = 8 << 20});
      for (int i = 0; i < 1000; i++) worker.step();
      const bool dumped = isBusy(heapprof_dump(nullptr));
      worker.freeAll();
      _exit(worker.failed() || !dumped ? 1 : 0);
    }
    tally().forks++;
    const std::string problem = waitFor(child, kHangSeconds);
    if (!problem.empty()) return problem;
    pauseMillis(20);
  }
  return "";
}

TEST(Recorded, EverythingOfOursRunsBesideTheProgram) {
  alarm(90);
  std::atomic<bool> stop{false};
  std::array<std::string, 6> errors;
  std::uint64_t answers = 0;
  std::vector<std::thread> threads;
  threads.emplace_back([&] { errors[0] = breathe(seedFor(50000), stop); });
  threads.emplace_back([&] { errors[1] = breathe(seedFor(51000), stop); });
  threads.emplace_back([&] { errors[2] = comeAndGo(seedFor(52000), stop); });
  threads.emplace_back([&] { errors[3] = callApi(stop); });
  threads.emplace_back([&] { errors[4] = useSocket(stop, &answers); });
  threads.emplace_back([&] { errors[5] = forkNowAndThen(stop); });
  const Deadline deadline(4.0);
  while (!deadline.passed()) pauseMillis(20);
  EXPECT_TRUE(entry::helperRuns());
  EXPECT_TRUE(entry::controlThreadRuns());
  stop = true;
  for (std::thread& thread : threads) thread.join();
  tally().threads += threads.size();
  for (const std::string& error : errors) EXPECT_EQ(error, "");
  EXPECT_GT(answers, 10u);
  EXPECT_GT(sampling::statistics().recordsEver, 100u);
  EXPECT_GT(pages::purgeTotals().passes, 0u);
  alarm(0);
}

}  // namespace
}  // namespace heapprof::stress

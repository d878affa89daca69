// The kernel says no: for every N, a fresh process runs one scenario in which the Nth system call of a kind
// fails (once, three times, or from then on for ever). Each answer must be memory that works or null with
// ENOMEM; contents stay right, and once the kernel relents the heap serves again. N grows until a run meets
// no failure, so that every call has failed.
//
// The parent never calls the allocator: each child starts with one that has reserved its first region, as at
// load, and done nothing else. How that reservation fails is tests/stress/limited.cpp's subject; a further
// one fails here.
#include <cerrno>
#include <cstdio>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "runtime/os/fake.h"
#include "runtime/pages/region.h"
#include "tests/stress/worker.h"

namespace heapprof::stress {
namespace {

using os::CallKind;

constexpr std::uint64_t kForEver = std::uint64_t{1} << 60;
constexpr std::uint64_t kMostRuns =
    3000;  // more failing calls than this in one scenario: something retries without end

enum Verdict { kGood = 0, kBroken = 21, kDidNotRecover = 22 };

// Filled in by the child, in memory shared with the parent.
struct Report {
  std::uint64_t faults, nulls;
  char error[240];
};

struct Scenario {
  std::uint64_t interval;
  bool threads;
};

// More than the first region holds: a further one is reserved, with its tables. Only the ends are touched.
void askBeyondTheRegion(Report* report) {
  const std::size_t bytes = std::size_t{pages::regionAt(0).granules} << pages::kGranuleShift;
  errno = 0;
  auto* p = static_cast<unsigned char*>(family().malloc(bytes));
  if (p == nullptr) {
    report->nulls++;
    if (errno != ENOMEM)
      std::snprintf(report->error, sizeof report->error, "a region's size: null, errno %d", errno);
    return;
  }
  p[0] = p[bytes - 1] = 1;
  family().free(p);
  tally().operations += 2;
}

// Sizes from every layer, growth and shrinkage, then a hundred random steps; the order is fixed by the seed.
void walk(Worker& worker) {
  for (std::size_t bytes : {1u, 100u, 1000u, 5000u, 20000u, 100000u, 300000u, 3000000u, 9000000u}) {
    for (int i = 0; i < 3; i++) worker.allocateOne(bytes);
    worker.reallocateOne();
  }
  for (int i = 0; i < 300; i++) worker.allocateOne(static_cast<std::size_t>(i) % 64 + 1);
  for (int i = 0; i < 100; i++) worker.freeOne();
  for (int i = 0; i < 250; i++) worker.step();
}

// noexcept: what escaped would be caught by GoogleTest, and the child would run the rest of the tests.
int runScenario(const Scenario& scenario, os::Fake& fake, std::uint64_t seed, Report* report) noexcept {
  if (family().setInterval != nullptr) family().setInterval(scenario.interval);
  const WorkerLimits limits{.largest = 2 << 20, .heldBytes = 48 << 20, .heldBlocks = 2000, .mayFail = true};
  Worker worker(seed, limits);
  walk(worker);
  askBeyondTheRegion(report);
  if (scenario.threads) {
    std::vector<Block> handed;
    Block block;
    for (int i = 0; i < 150 && worker.give(&block); i++) handed.push_back(block);
    Worker other(seed + 1, limits);
    std::thread([&] {
      for (const Block& b : handed) other.take(b);
      for (int i = 0; i < 300; i++) other.step();
    }).join();
    tally().threads++;
    // What that thread made is freed by this one.
    while (other.give(&block)) worker.take(block);
    if (other.failed()) std::snprintf(report->error, sizeof report->error, "%s", other.error().c_str());
  }
  family().trim(0);
  report->faults = fake.failures();
  fake.failNthMemoryCall(0);
  for (std::size_t kind = 0; kind < static_cast<std::size_t>(CallKind::kCount); kind++)
    fake.failNth(CallKind(kind), 0);
  worker.freeAll();
  for (std::size_t bytes : {16u, 4000u, 50000u, 1000000u, 20000000u}) {
    if (!worker.allocateOne(bytes)) {
      std::snprintf(report->error, sizeof report->error,
                    "no memory for %zu bytes though the kernel gives again", bytes);
      return kDidNotRecover;
    }
  }
  worker.freeAll();
  report->nulls += worker.nulls();
  if (worker.failed()) std::snprintf(report->error, sizeof report->error, "%s", worker.error().c_str());
  return report->error[0] == '\0' ? kGood : kBroken;
}

// One run in a child. Gives what went wrong, or an empty string.
template <typename Arm>
std::string runOnce(const Scenario& scenario, Report* report, Arm arm) {
  *report = Report{};
  std::fflush(nullptr);  // else what is buffered may come twice, from a child that ends badly
  const pid_t child = fork();
  if (child < 0) return "fork failed";
  if (child == 0) {
    alarm(30);
    os::Fake fake;
    arm(fake);
    _exit(runScenario(scenario, fake, seedFor(70000), report));
  }
  const std::string problem = waitFor(child, 40);
  tally().forks++;
  tally().faults += report->faults;
  return problem.empty() ? "" : problem + "; " + report->error;
}

class Faults : public ::testing::TestWithParam<std::tuple<std::uint64_t, bool>> {
 protected:
  void SetUp() override {
    // A large region would hold the scenario, and freeing one of its size takes a call per 2 MiB.
    ASSERT_LE(pages::regionAt(0).granules, (std::size_t{64} << 20) >> pages::kGranuleShift)
        << "run with HEAPPROF=sample=0,dump=none,reserve=64m";
    void* shared = mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    report_ = static_cast<Report*>(shared);
    scenario_ = {std::get<0>(GetParam()), std::get<1>(GetParam())};
  }
  void TearDown() override { munmap(report_, sizeof(Report)); }

  // Every N until no call fails; N is reported with each broken run.
  template <typename Arm>
  void failEach(const char* name, Arm arm) {
    std::uint64_t runs = 0;
    std::uint64_t nulls = 0;
    for (std::uint64_t nth = 1; nth <= kMostRuns; nth++) {
      const std::string problem = runOnce(scenario_, report_, [&](os::Fake& fake) { arm(fake, nth); });
      ASSERT_EQ(problem, "") << "when call " << nth << " of kind " << name << " fails";
      if (report_->faults == 0) {
        std::printf("[faults] %s: each of %llu calls failed once or longer, %llu nulls answered\n", name,
                    static_cast<unsigned long long>(runs), static_cast<unsigned long long>(nulls));
        return;
      }
      runs++;
      nulls += report_->nulls;
    }
    FAIL() << name << ": still failing after " << kMostRuns << " runs";
  }

  Scenario scenario_{};
  Report* report_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Scenario, Faults,
                         ::testing::Combine(::testing::Values(0, 4096, 1), ::testing::Bool()),
                         [](const auto& information) {
                           return "Every" + std::to_string(std::get<0>(information.param)) +
                                  (std::get<1>(information.param) ? "Threads" : "Alone");
                         });

TEST_P(Faults, WithoutAnyTheScenarioGivesNoNull) {
  ASSERT_EQ(runOnce(scenario_, report_, [](os::Fake&) {}), "");
  EXPECT_EQ(report_->nulls, 0u);
  EXPECT_EQ(report_->faults, 0u);
}

TEST_P(Faults, EachMemoryCallMayFailOnce) {
  failEach("memory", [](os::Fake& fake, std::uint64_t nth) { fake.failNthMemoryCall(nth); });
}

TEST_P(Faults, EachMemoryCallMayFailThreeTimes) {
  failEach("memory x3", [](os::Fake& fake, std::uint64_t nth) { fake.failNthMemoryCall(nth, 2); });
}

TEST_P(Faults, MemoryMayEndForEverAtAnyCall) {
  failEach("memory for ever",
           [](os::Fake& fake, std::uint64_t nth) { fake.failNthMemoryCall(nth, kForEver); });
}

TEST_P(Faults, EachCallOfEachKindMayFail) {
  constexpr std::pair<CallKind, const char*> kKinds[] = {
      {CallKind::kReserve, "reserve"},         {CallKind::kUnreserve, "unreserve"},
      {CallKind::kCommit, "commit"},           {CallKind::kDiscard, "discard"},
      {CallKind::kMapMetadata, "mapMetadata"}, {CallKind::kAdviseHuge, "adviseHuge"},
      {CallKind::kCollapse, "collapse"},       {CallKind::kMoveMapping, "moveMapping"},
      {CallKind::kOpenRead, "openRead"},       {CallKind::kRead, "read"}};
  for (const auto& [kind, name] : kKinds) {
    failEach(name, [k = kind](os::Fake& fake, std::uint64_t nth) { fake.failNth(k, nth); });
    failEach(name, [k = kind](os::Fake& fake, std::uint64_t nth) { fake.failNth(k, nth, kForEver); });
  }
}

}  // namespace
}  // namespace heapprof::stress

// The kernel refuses the Nth request for memory, for every N until none is refused any more: each time the
// program gets null and ENOMEM, or memory that works, and afterwards all is well again.
#include <cstring>
#include <errno.h>
#include <gtest/gtest.h>
#include <set>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "runtime/entry/malloc_family.h"
#include "runtime/os/fake.h"
#include "runtime/sampling/sampler.h"
#include "tests/runtime/heap/accounts.h"

namespace heapprof::heap {
namespace {

enum Outcome {
  kFine = 0,
  kSawFailure = 1,
  kWrongErrno = 2,
  kBadMemory = 3,
  kBadAccounts = 4,
  kStillFailing = 5
};

// One pass over what allocates: every class, large spans, growth, alignment. Returns whether something was
// refused.
bool scenario(std::set<void*>* live, int* wrong) {
  bool refused = false;
  const auto keep = [&](void* p, std::size_t bytes) {
    if (p == nullptr) {
      refused = true;
      if (errno != ENOMEM) *wrong = kWrongErrno;
      return;
    }
    std::memset(p, 0x5a, bytes < 4096 ? bytes : 4096);
    live->insert(p);
  };
  for (std::size_t size = 1; size < 3000000; size += size / 2 + 1) {
    errno = 0;
    keep(hp_malloc(size), size);
    errno = 0;
    keep(hp_calloc(2, size), 2 * size);
    errno = 0;
    keep(hp_memalign(256, size), size);
    errno = 0;
    void* grown = hp_malloc(size);
    if (grown != nullptr) {
      void* larger = hp_realloc(grown, size * 3);
      if (larger == nullptr) live->insert(grown);
      keep(larger, size * 3);
    } else {
      keep(nullptr, 0);
    }
  }
  errno = 0;
  keep(hp_malloc(std::size_t{200} << 20), 1);
  return refused;
}

// In a child, because the first region can be reserved but once.
int runWithFailure(std::uint64_t nth, std::uint64_t more) {
  os::Fake fake;
  int wrong = kFine;
  fake.failNthMemoryCall(nth, more);
  std::set<void*> live;
  const bool refused = scenario(&live, &wrong);
  if (wrong != kFine) return wrong;
  if (!tests::accountsAreRight(live)) return kBadAccounts;
  const bool reached = fake.failures() != 0;
  fake.failNthMemoryCall(0);
  for (void* p : live) {
    if (hp_malloc_usable_size(p) == 0) return kBadMemory;
    hp_free(p);
  }
  live.clear();
  if (scenario(&live, &wrong)) return kStillFailing;
  if (!tests::accountsAreRight(live)) return kBadAccounts;
  return reached || refused ? kSawFailure : kFine;
}

int inChild(std::uint64_t nth, std::uint64_t more, std::uint64_t interval) {
  const pid_t child = fork();
  if (child == 0) {
    sampling::setIntervalBytes(interval);
    _exit(runWithFailure(nth, more));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

class FailingOs : public testing::TestWithParam<std::uint64_t> {};

TEST_P(FailingOs, EveryNthRefusalIsSurvived) {
  std::uint64_t nth = 1;
  for (; nth < 500; ++nth) {
    const int outcome = inChild(nth, 0, GetParam());
    if (outcome == kFine) break;
    ASSERT_EQ(outcome, kSawFailure) << "call " << nth << " refused";
  }
  EXPECT_GT(nth, 5u) << "the scenario asks for memory more often than that";
  EXPECT_LT(nth, 500u);
}

TEST_P(FailingOs, RefusalFromTheNthOnIsSurvived) {
  for (std::uint64_t nth = 1; nth < 500; ++nth) {
    const int outcome = inChild(nth, 1u << 30, GetParam());
    if (outcome == kFine) break;
    ASSERT_EQ(outcome, kSawFailure) << "all calls from " << nth << " on refused";
  }
}

INSTANTIATE_TEST_SUITE_P(Interval, FailingOs, testing::Values(0, 1, 4096),
                         [](const auto& test) { return "Sample" + std::to_string(test.param); });

}  // namespace
}  // namespace heapprof::heap

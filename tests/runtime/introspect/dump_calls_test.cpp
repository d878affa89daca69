// How often a whole dump takes the lock of the address space, counted at the kernel's door.
#include <algorithm>
#include <gtest/gtest.h>

#include "heapprof/heapprof.h"

#include "runtime/os/fake.h"
#include "tests/runtime/introspect/support.h"

namespace heapprof::tests {
namespace {

// The fewest of some dumps: one whose walk was repeated, because memory moved meanwhile, asks twice.
std::uint64_t scansOfADump(const Scratch& scratch) {
  std::uint64_t fewest = ~std::uint64_t{0};
  for (int i = 0; i < 3; ++i) {
    const os::Fake fake;
    const std::string path = scratch.path("dump" + std::to_string(i));
    EXPECT_EQ(heapprof_dump(path.c_str()), 0);
    fewest = std::min(fewest, fake.callsOf(os::CallKind::kPagemapScan));
    std::remove(path.c_str());
  }
  return fewest;
}

TEST(DumpCalls, OfLargeBlocksThatAreNotTouchedADumpAsksOnceForEachGiB) {
  constexpr std::size_t kBlocks = 32;
  const Scratch scratch;
  const Sampling sampling(1024);
  const std::uint64_t without = scansOfADump(scratch);
  if (without == 0) GTEST_SKIP() << "no PAGEMAP_SCAN";
  Objects blocks;
  blocks.add(kBlocks, std::size_t{1} << 30, false);
  // One each, and some for the side tables of more memory. Three tables and a sample that each ask by
  // themselves, and look ahead beside their windows, made it seven.
  EXPECT_LE(scansOfADump(scratch), without + 3 * kBlocks);
}

}  // namespace
}  // namespace heapprof::tests

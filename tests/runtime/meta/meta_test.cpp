#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <thread>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/meta/meta_memory.h"
#include "runtime/os/fake.h"

namespace heapprof::meta {
namespace {

bool isZero(const void* block, std::size_t bytes) {
  const auto* at = static_cast<const unsigned char*>(block);
  for (std::size_t i = 0; i < bytes; ++i) {
    if (at[i] != 0) return false;
  }
  return true;
}

TEST(MetaMemory, BlocksAreZeroedAlignedAndApart) {
  base::Random random(3);
  std::map<std::uintptr_t, std::size_t> blocks;
  for (int i = 0; i < 3000; ++i) {
    const std::size_t bytes = 1 + random.next() % (i % 100 == 0 ? 400000 : 900);
    const std::size_t alignment = std::size_t{1} << (random.next() % 13);
    void* block = allocate(Purpose::kDump, bytes, alignment);
    ASSERT_NE(block, nullptr);
    const auto start = reinterpret_cast<std::uintptr_t>(block);
    ASSERT_EQ(start % alignment, 0u);
    ASSERT_TRUE(isZero(block, bytes));
    std::memset(block, 0xff, bytes);  // would spoil a neighbour that overlaps
    const auto after = blocks.lower_bound(start);
    if (after != blocks.end()) {
      ASSERT_LE(start + bytes, after->first);
    }
    if (after != blocks.begin()) {
      ASSERT_LE(std::prev(after)->first + std::prev(after)->second, start);
    }
    blocks[start] = bytes;
  }
}

TEST(MetaMemory, EveryMappingIsVisitedAndCounted) {
  allocate(Purpose::kSampler, 10);
  void* inside = allocate(Purpose::kSampler, 5 << 20);
  struct Found {
    std::size_t bytes[static_cast<std::size_t>(Purpose::kCount)] = {};
    const void* wanted;
    bool seen = false;
  } found;
  found.wanted = inside;
  forEachMapping(
      [](void* context, Purpose purpose, const void* start, std::size_t bytes) {
        auto* f = static_cast<Found*>(context);
        f->bytes[static_cast<std::size_t>(purpose)] += bytes;
        const auto offset =
            reinterpret_cast<std::uintptr_t>(f->wanted) - reinterpret_cast<std::uintptr_t>(start);
        if (offset < bytes) f->seen = true;
      },
      &found);
  EXPECT_TRUE(found.seen);
  for (std::size_t p = 0; p < static_cast<std::size_t>(Purpose::kCount); ++p) {
    EXPECT_EQ(found.bytes[p], mappedBytes(static_cast<Purpose>(p)));
  }
}

TEST(MetaMemory, IsNullWhenTheKernelRefusesAndWorksAfterwards) {
  os::Fake fake;
  fake.failNth(os::CallKind::kMapMetadata, 1, 1000);
  EXPECT_EQ(allocate(Purpose::kDump, 64 << 20), nullptr);
  fake.failNth(os::CallKind::kMapMetadata, 0);
  EXPECT_NE(allocate(Purpose::kDump, 64 << 20), nullptr);
  EXPECT_EQ(allocate(Purpose::kDump, ~std::size_t{0} / 2), nullptr);
}

TEST(MetaMemory, ServesThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 2000; ++i) {
        auto* block = static_cast<unsigned char*>(allocate(Purpose::kDump, 64));
        ASSERT_TRUE(isZero(block, 64));
        std::memset(block, t + 1, 64);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace heapprof::meta

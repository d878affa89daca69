// malloc, calloc, free, malloc_usable_size: sizes, alignment, contents, errno.
#include <set>
#include <thread>

#include "tests/conformance/support.h"

namespace heapprof::conformance {
namespace {

TEST(Malloc, EverySizeIsAlignedWritableAndKeepsItsBytes) {
  std::vector<void*> blocks;
  const auto sizes = interestingSizes(std::size_t{8} << 20);
  unsigned seed = 0;
  for (std::size_t n : sizes) {
    void* p = family().malloc(n);
    ASSERT_NE(p, nullptr) << "size " << n;
    ASSERT_TRUE(isAligned(p, naturalAlignment(n))) << "size " << n << " at " << p;
    fill(p, n, seed++);
    blocks.push_back(p);
  }
  seed = 0;
  for (std::size_t i = 0; i < blocks.size(); i++) {
    ASSERT_EQ(firstDifference(blocks[i], sizes[i], seed++), sizes[i]) << "size " << sizes[i];
    family().free(blocks[i]);
  }
}

TEST(Malloc, UsableSizeIsAtLeastTheRequestAndOverlapsNobody) {
  std::vector<void*> blocks;
  const auto sizes = interestingSizes(std::size_t{1} << 20);
  for (int round = 0; round < 3; round++) {
    for (std::size_t n : sizes) {
      void* p = family().malloc(n);
      ASSERT_NE(p, nullptr);
      const std::size_t usable = family().usableSize(p);
      ASSERT_GE(usable, n);
      fill(p, usable, static_cast<unsigned>(blocks.size()));
      blocks.push_back(p);
    }
  }
  for (std::size_t i = 0; i < blocks.size(); i++) {
    const std::size_t usable = family().usableSize(blocks[i]);
    ASSERT_EQ(firstDifference(blocks[i], usable, static_cast<unsigned>(i)), usable)
        << "size " << sizes[i % sizes.size()];
  }
  for (void* p : blocks) family().free(p);
}

TEST(Malloc, UsableSizeOfNullIsZero) {
  EXPECT_EQ(family().usableSize(nullptr), 0u);
}

TEST(Malloc, ZeroBytesGiveDistinctFreeablePointers) {
  std::set<void*> seen;
  for (int i = 0; i < 1000; i++) {
    void* p = family().malloc(opaque<std::size_t>(0));
    ASSERT_NE(p, nullptr);
    ASSERT_TRUE(seen.insert(p).second) << "handed out twice";
  }
  for (void* p : seen) family().free(p);
}

TEST(Malloc, FreeOfNullDoesNothing) {
  errno = 77;
  family().free(nullptr);
  EXPECT_EQ(errno, 77);
}

TEST(Malloc, MoreThanPtrdiffMaxFailsWithEnomem) {
  for (std::size_t below : {0, 1, 7, 15, 16, 17, 63, 64, 4095, 4096, 32767, 32768, 65536, 2097152}) {
    EXPECT_TRUE(failsWith(ENOMEM, [&] { return family().malloc(opaque(SIZE_MAX - below)); }))
        << "SIZE_MAX - " << below;
    EXPECT_TRUE(failsWith(ENOMEM, [&] { return family().malloc(opaque(kPtrdiffMax + 1 + below)); }));
    EXPECT_TRUE(failsWith(ENOMEM, [&] { return family().malloc(opaque(kPtrdiffMax - below)); }));
    EXPECT_TRUE(failsWith(ENOMEM, [&] { return family().calloc(1, opaque(SIZE_MAX - below)); }));
    EXPECT_TRUE(failsWith(ENOMEM, [&] { return family().realloc(nullptr, opaque(SIZE_MAX - below)); }));
  }
}

TEST(Malloc, AFailureLeavesTheAllocatorUsable) {
  for (int i = 0; i < 100; i++) {
    ASSERT_TRUE(failsWith(ENOMEM, [&] { return family().malloc(opaque(kPtrdiffMax - 4096)); }));
    void* p = family().malloc(100);
    ASSERT_NE(p, nullptr);
    family().free(p);
  }
}

TEST(Malloc, FreePreservesErrnoForEverySize) {
  for (std::size_t n : interestingSizes(std::size_t{64} << 20)) {
    void* p = family().malloc(n);
    ASSERT_NE(p, nullptr);
    errno = 12345;
    family().free(p);
    ASSERT_EQ(errno, 12345) << "size " << n;
  }
}

TEST(Malloc, FreeFromAnotherThreadPreservesErrnoAndContentsOfOthers) {
  std::vector<void*> blocks(5000);
  for (std::size_t i = 0; i < blocks.size(); i++) {
    blocks[i] = family().malloc(i % 300);
    fill(blocks[i], i % 300, static_cast<unsigned>(i));
  }
  std::thread([&] {
    for (std::size_t i = 0; i < blocks.size(); i += 2) {
      errno = 99;
      family().free(blocks[i]);
      ASSERT_EQ(errno, 99);
    }
  }).join();
  for (std::size_t i = 1; i < blocks.size(); i += 2) {
    ASSERT_EQ(firstDifference(blocks[i], i % 300, static_cast<unsigned>(i)), i % 300);
    family().free(blocks[i]);
  }
}

TEST(Calloc, MemoryIsZeroEvenWhereItWasUsedBefore) {
  for (std::size_t n : interestingSizes(std::size_t{4} << 20)) {
    std::vector<void*> dirty;
    for (int i = 0; i < 3; i++) {
      void* p = family().malloc(n);
      ASSERT_NE(p, nullptr);
      std::memset(p, 0xa5, family().usableSize(p));
      dirty.push_back(p);
    }
    for (void* p : dirty) family().free(p);
    for (int i = 0; i < 3; i++) {
      void* p = family().calloc(i == 0 ? 1 : n, i == 0 ? n : 1);
      ASSERT_NE(p, nullptr);
      ASSERT_TRUE(isZero(p, n)) << "size " << n;
      family().free(p);
    }
  }
}

TEST(Calloc, OverflowingProductFailsWithEnomem) {
  EXPECT_TRUE(failsWith(ENOMEM, [] { return family().calloc(opaque(SIZE_MAX), 2); }));
  EXPECT_TRUE(failsWith(ENOMEM, [] { return family().calloc(opaque(SIZE_MAX / 2 + 1), 2); }));
  EXPECT_TRUE(failsWith(ENOMEM, [] { return family().calloc(2, opaque(SIZE_MAX / 2 + 1)); }));
  EXPECT_TRUE(failsWith(
      ENOMEM, [] { return family().calloc(opaque(std::size_t{1} << 32), opaque(std::size_t{1} << 32)); }));
  EXPECT_TRUE(failsWith(ENOMEM, [] {
    return family().calloc(opaque(std::size_t{1} << 33), opaque((std::size_t{1} << 31) + 1));
  }));
  EXPECT_TRUE(failsWith(ENOMEM, [] { return family().calloc(opaque(SIZE_MAX), opaque(SIZE_MAX)); }));
}

TEST(Calloc, ZeroCountOrSizeGivesDistinctFreeablePointers) {
  std::set<void*> seen;
  for (int i = 0; i < 100; i++) {
    for (void* p : {family().calloc(0, 0), family().calloc(0, opaque(SIZE_MAX)),
                    family().calloc(opaque(SIZE_MAX), 0)}) {
      ASSERT_NE(p, nullptr);
      ASSERT_TRUE(seen.insert(p).second);
    }
  }
  for (void* p : seen) family().free(p);
}

TEST(Calloc, ProductIsTheSize) {
  void* p = family().calloc(1000, 1000);
  ASSERT_NE(p, nullptr);
  EXPECT_GE(family().usableSize(p), 1000000u);
  fill(p, 1000000, 3);
  EXPECT_EQ(firstDifference(p, 1000000, 3), 1000000u);
  family().free(p);
}

TEST(SizedFree, EverySizeMayBeFreedWithIt) {
  if (family().freeSized == nullptr) GTEST_SKIP() << "the host's allocator has no free_sized";
  for (std::size_t n : interestingSizes(std::size_t{4} << 20)) {
    void* p = family().malloc(n);
    ASSERT_NE(p, nullptr);
    errno = 42;
    family().freeSized(p, n);
    ASSERT_EQ(errno, 42);
  }
  family().freeSized(nullptr, 0);
  void* p = family().calloc(10, 10);
  family().freeSized(p, 100);
  p = family().realloc(nullptr, 50);
  family().freeSized(p, 50);
}

TEST(SizedFree, AlignedBlocksMayBeFreedWithAlignmentAndSize) {
  if (family().freeAlignedSized == nullptr) GTEST_SKIP() << "the host's allocator has no free_aligned_sized";
  for (std::size_t alignment = 8; alignment <= (1u << 20); alignment *= 2) {
    for (std::size_t n : {alignment, alignment * 3}) {
      void* p = family().alignedAlloc(alignment, n);
      ASSERT_NE(p, nullptr);
      family().freeAlignedSized(p, alignment, n);
    }
  }
  family().freeAlignedSized(nullptr, 64, 0);
}

}  // namespace
}  // namespace heapprof::conformance

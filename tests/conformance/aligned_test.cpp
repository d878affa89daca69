// posix_memalign, aligned_alloc, memalign, valloc, pvalloc: what may be asked for, what comes back, what
// errno says.
#include <bit>
#include <unistd.h>

#include "tests/conformance/support.h"

namespace heapprof::conformance {
namespace {

const std::size_t kPage = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
constexpr std::size_t kLargestAlignment = std::size_t{16} << 20;

TEST(PosixMemalign, EveryAlignmentAndSizeGivesAlignedWritableMemory) {
  for (std::size_t alignment = sizeof(void*); alignment <= kLargestAlignment; alignment *= 2) {
    std::vector<std::pair<void*, std::size_t>> blocks;
    for (std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{8}, std::size_t{24}, std::size_t{100},
                          std::size_t{1000}, alignment - 1, alignment, alignment + 1, std::size_t{5000},
                          std::size_t{70000}}) {
      void* p = nullptr;
      ASSERT_EQ(family().posixMemalign(&p, alignment, n), 0) << alignment << " " << n;
      ASSERT_NE(p, nullptr);
      ASSERT_TRUE(isAligned(p, alignment)) << alignment << " " << n << " " << p;
      ASSERT_GE(family().usableSize(p), n);
      fill(p, n, static_cast<unsigned>(n));
      blocks.emplace_back(p, n);
    }
    for (auto [p, n] : blocks) {
      ASSERT_EQ(firstDifference(p, n, static_cast<unsigned>(n)), n);
      family().free(p);
    }
  }
}

TEST(PosixMemalign, WrongAlignmentIsEinvalAndTouchesNothing) {
  for (std::size_t alignment : {0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 24, 40, 48, 100, 4095, 4097}) {
    void* p = &p;
    errno = 55;
    EXPECT_EQ(family().posixMemalign(&p, opaque(alignment), 100), EINVAL) << alignment;
    EXPECT_EQ(p, static_cast<void*>(&p)) << "the result was written though the call failed";
    EXPECT_EQ(errno, 55) << "the error is the return value; errno is not its place";
  }
  void* p = &p;
  EXPECT_EQ(family().posixMemalign(&p, opaque(SIZE_MAX), 100), EINVAL);
}

TEST(PosixMemalign, TooMuchIsEnomemAndTouchesNothing) {
  for (std::size_t alignment :
       {std::size_t{8}, std::size_t{16}, std::size_t{64}, std::size_t{4096}, std::size_t{1} << 30}) {
    for (std::size_t n : {SIZE_MAX, SIZE_MAX - 100, kPtrdiffMax + 1, kPtrdiffMax - 5}) {
      void* p = &p;
      EXPECT_EQ(family().posixMemalign(&p, alignment, opaque(n)), ENOMEM) << alignment << " " << n;
      EXPECT_EQ(p, static_cast<void*>(&p));
    }
  }
}

TEST(PosixMemalign, ZeroSizesAreDistinct) {
  void* a = nullptr;
  void* b = nullptr;
  ASSERT_EQ(family().posixMemalign(&a, 64, 0), 0);
  ASSERT_EQ(family().posixMemalign(&b, 64, 0), 0);
  EXPECT_NE(a, nullptr);
  EXPECT_NE(a, b);
  family().free(a);
  family().free(b);
}

TEST(AlignedAlloc, PowersOfTwoWorkWithAnySize) {
  for (std::size_t alignment = 1; alignment <= kLargestAlignment; alignment *= 2) {
    for (std::size_t n : {std::size_t{1}, std::size_t{7}, std::size_t{200}, alignment, alignment * 2}) {
      void* p = family().alignedAlloc(alignment, n);
      ASSERT_NE(p, nullptr) << alignment << " " << n;
      ASSERT_TRUE(isAligned(p, alignment));
      ASSERT_GE(family().usableSize(p), n);
      fill(p, n, 1);
      family().free(p);
    }
  }
}

TEST(AlignedAlloc, WrongAlignmentIsEinval) {
  if (!family().isOurs) GTEST_SKIP() << "glibc before 2.38 rounds the alignment up";
  for (std::size_t alignment : {0, 3, 5, 6, 12, 24, 100, 4097}) {
    EXPECT_TRUE(failsWith(EINVAL, [&] { return family().alignedAlloc(opaque(alignment), 100); }))
        << alignment;
  }
}

TEST(AlignedAlloc, TooMuchIsEnomem) {
  for (std::size_t n : {SIZE_MAX, SIZE_MAX - 4096, kPtrdiffMax + 1}) {
    EXPECT_TRUE(failsWith(ENOMEM, [&] { return family().alignedAlloc(64, opaque(n)); }));
    EXPECT_TRUE(failsWith(ENOMEM, [&] { return family().memalign(64, opaque(n)); }));
    EXPECT_TRUE(failsWith(ENOMEM, [&] { return family().memalign(1 << 20, opaque(n)); }));
  }
  EXPECT_TRUE(failsWith(ENOMEM, [&] {
    return family().alignedAlloc(opaque(std::size_t{1} << 62), opaque(std::size_t{1} << 62));
  }));
}

TEST(Memalign, PowersOfTwoAreHonoured) {
  for (std::size_t alignment = 1; alignment <= kLargestAlignment; alignment *= 2) {
    void* p = family().memalign(alignment, 333);
    ASSERT_NE(p, nullptr);
    ASSERT_TRUE(isAligned(p, alignment));
    fill(p, 333, 9);
    family().free(p);
  }
}

TEST(Memalign, OddAlignmentIsRoundedUpOrRefused) {
  for (std::size_t alignment : {3u, 5u, 24u, 48u, 100u, 5000u}) {
    errno = 0;
    void* p = family().memalign(opaque(alignment), 100);
    if (p == nullptr) {
      EXPECT_EQ(errno, EINVAL);
    } else {
      EXPECT_TRUE(isAligned(p, std::bit_ceil(alignment)));
      family().free(p);
    }
  }
}

TEST(Memalign, AlignedBlocksDoNotOverlapOthers) {
  std::vector<std::pair<void*, std::size_t>> blocks;
  for (std::size_t i = 0; i < 3000; i++) {
    const std::size_t alignment = std::size_t{8} << (i % 10);
    const std::size_t n = (i * 37) % 3000;
    void* p = i % 3 == 0 ? family().malloc(n) : family().memalign(alignment, n);
    ASSERT_NE(p, nullptr);
    fill(p, family().usableSize(p), static_cast<unsigned>(i));
    blocks.emplace_back(p, n);
  }
  for (std::size_t i = 0; i < blocks.size(); i++) {
    const std::size_t usable = family().usableSize(blocks[i].first);
    ASSERT_EQ(firstDifference(blocks[i].first, usable, static_cast<unsigned>(i)), usable);
  }
  for (auto [p, n] : blocks) family().free(p);
}

TEST(Valloc, IsPageAligned) {
  for (std::size_t n : {std::size_t{0}, std::size_t{1}, kPage - 1, kPage, kPage + 1, std::size_t{300000}}) {
    void* p = family().valloc(n);
    ASSERT_NE(p, nullptr) << n;
    EXPECT_TRUE(isAligned(p, kPage));
    EXPECT_GE(family().usableSize(p), n);
    fill(p, n, 4);
    family().free(p);
  }
}

TEST(Pvalloc, IsPageAlignedAndRoundedUpToPages) {
  for (std::size_t n : {std::size_t{0}, std::size_t{1}, kPage - 1, kPage, kPage + 1, std::size_t{300000}}) {
    void* p = family().pvalloc(n);
    ASSERT_NE(p, nullptr) << n;
    EXPECT_TRUE(isAligned(p, kPage));
    EXPECT_GE(family().usableSize(p), (n + kPage - 1) / kPage * kPage);
    family().free(p);
  }
}

TEST(Pvalloc, RoundingUpDoesNotWrapAround) {
  EXPECT_TRUE(failsWith(ENOMEM, [] { return family().pvalloc(opaque(SIZE_MAX)); }));
  EXPECT_TRUE(failsWith(ENOMEM, [] { return family().pvalloc(opaque(SIZE_MAX - kPage + 2)); }));
  EXPECT_TRUE(failsWith(ENOMEM, [] { return family().valloc(opaque(SIZE_MAX)); }));
  EXPECT_TRUE(failsWith(ENOMEM, [] { return family().valloc(opaque(kPtrdiffMax + 1)); }));
}

}  // namespace
}  // namespace heapprof::conformance

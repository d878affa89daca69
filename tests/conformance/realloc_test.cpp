// realloc and reallocarray every way: null, zero, growing, shrinking, between small, medium and huge,
// aligned, failing.
#include <set>

#include "tests/conformance/support.h"

namespace heapprof::conformance {
namespace {

TEST(Realloc, OfNullIsMalloc) {
  for (std::size_t n : {0, 1, 100, 100000, 5000000}) {
    void* p = family().realloc(nullptr, n);
    ASSERT_NE(p, nullptr);
    ASSERT_GE(family().usableSize(p), n);
    fill(p, n, 1);
    family().free(p);
  }
}

TEST(Realloc, ToZeroFreesAndGivesNull) {
  for (std::size_t n : {0, 1, 100, 100000, 5000000}) {
    void* p = family().malloc(n);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(family().realloc(p, opaque<std::size_t>(0)), nullptr) << n;
  }
  EXPECT_EQ(family().reallocarray(family().malloc(50), opaque<std::size_t>(0), 7), nullptr);
}

TEST(Realloc, EveryPairOfSizesKeepsTheCommonPrefix) {
  const std::size_t sizes[] = {0,      1,      7,      8,       9,       16,      17,     40,    64,
                               100,    128,    129,    1000,    1024,    1025,    4096,   5000,  8192,
                               8193,   16000,  32768,  32769,   50000,   65536,   65537,  99999, 131072,
                               262144, 262145, 400000, 1048576, 2097152, 2097153, 5000000};
  for (std::size_t from : sizes) {
    for (std::size_t to : sizes) {
      if (to == 0) continue;
      void* p = family().malloc(from);
      ASSERT_NE(p, nullptr);
      fill(p, from, 11);
      void* q = family().realloc(p, to);
      ASSERT_NE(q, nullptr) << from << " to " << to;
      ASSERT_TRUE(isAligned(q, naturalAlignment(to)));
      ASSERT_GE(family().usableSize(q), to);
      const std::size_t kept = from < to ? from : to;
      ASSERT_EQ(firstDifference(q, kept, 11), kept) << from << " to " << to;
      fill(q, to, 12);
      ASSERT_EQ(firstDifference(q, to, 12), to);
      family().free(q);
    }
  }
}

TEST(Realloc, NeighboursKeepTheirBytesWhileOneGrowsAndShrinks) {
  for (std::size_t base : {24, 500, 6000, 70000, 900000}) {
    void* left = family().malloc(base);
    void* p = family().malloc(base);
    void* right = family().malloc(base);
    fill(left, base, 1);
    fill(right, base, 2);
    std::size_t size = base;
    fill(p, size, 3);
    for (std::size_t factor : {2, 3, 1, 5, 4, 8, 1, 16, 2}) {
      p = family().realloc(p, base * factor);
      ASSERT_NE(p, nullptr);
      const std::size_t kept = size < base * factor ? size : base * factor;
      ASSERT_EQ(firstDifference(p, kept, 3), kept);
      size = base * factor;
      fill(p, size, 3);
    }
    EXPECT_EQ(firstDifference(left, base, 1), base);
    EXPECT_EQ(firstDifference(right, base, 2), base);
    for (void* q : {left, p, right}) family().free(q);
  }
}

TEST(Realloc, GrowingStepByStepKeepsEverything) {
  void* p = nullptr;
  std::size_t size = 0;
  while (size < (std::size_t{6} << 20)) {
    const std::size_t next = size + 1 + size / 8;
    p = family().realloc(p, next);
    ASSERT_NE(p, nullptr);
    ASSERT_EQ(firstDifference(p, size, 5), size) << "growing to " << next;
    fill(p, next, 5);
    size = next;
  }
  while (size > 1) {
    size -= 1 + size / 4;
    if (size == 0) break;
    p = family().realloc(p, size);
    ASSERT_NE(p, nullptr);
    ASSERT_EQ(firstDifference(p, size, 5), size) << "shrinking to " << size;
  }
  family().free(p);
}

TEST(Realloc, OfAnAlignedBlockKeepsItsBytes) {
  for (std::size_t alignment = 16; alignment <= (std::size_t{4} << 20); alignment *= 4) {
    for (std::size_t from : {std::size_t{10}, std::size_t{1000}, alignment, std::size_t{300000}}) {
      for (std::size_t to : {std::size_t{1}, std::size_t{600}, alignment * 2, std::size_t{500000}}) {
        void* p = family().memalign(alignment, from);
        ASSERT_NE(p, nullptr);
        fill(p, from, 6);
        void* q = family().realloc(p, to);
        ASSERT_NE(q, nullptr);
        const std::size_t kept = from < to ? from : to;
        ASSERT_EQ(firstDifference(q, kept, 6), kept) << alignment << " " << from << " to " << to;
        family().free(q);
      }
    }
  }
}

TEST(Realloc, FailureLeavesTheBlockAlone) {
  for (std::size_t n : {1, 100, 10000, 300000, 3000000}) {
    void* p = family().malloc(n);
    ASSERT_NE(p, nullptr);
    fill(p, n, 8);
    for (std::size_t impossible : {SIZE_MAX, SIZE_MAX - 4096, kPtrdiffMax + 1, kPtrdiffMax - 4096}) {
      errno = 0;
      ASSERT_EQ(family().realloc(p, opaque(impossible)), nullptr);
      ASSERT_EQ(errno, ENOMEM);
      ASSERT_EQ(firstDifference(p, n, 8), n);
    }
    p = family().realloc(p, n * 2);
    ASSERT_NE(p, nullptr);
    ASSERT_EQ(firstDifference(p, n, 8), n);
    family().free(p);
  }
}

TEST(Realloc, ToTheUsableSizeStaysInPlaceOrKeepsBytes) {
  for (std::size_t n : {1, 20, 500, 5000, 50000, 500000}) {
    void* p = family().malloc(n);
    const std::size_t usable = family().usableSize(p);
    fill(p, usable, 2);
    void* q = family().realloc(p, usable);
    ASSERT_EQ(firstDifference(q, usable, 2), usable);
    family().free(q);
  }
}

TEST(Reallocarray, OverflowFailsAndLeavesTheBlockAlone) {
  void* p = family().malloc(64);
  fill(p, 64, 1);
  for (auto [count, size] : std::initializer_list<std::pair<std::size_t, std::size_t>>{
           {SIZE_MAX, 2},
           {2, SIZE_MAX},
           {SIZE_MAX / 2 + 1, 2},
           {std::size_t{1} << 32, std::size_t{1} << 32},
           {SIZE_MAX, SIZE_MAX}}) {
    errno = 0;
    EXPECT_EQ(family().reallocarray(p, opaque(count), opaque(size)), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(firstDifference(p, 64, 1), 64u);
  }
  EXPECT_TRUE(failsWith(ENOMEM, [] { return family().reallocarray(nullptr, opaque(SIZE_MAX), 16); }));
  family().free(p);
}

TEST(Reallocarray, IsReallocOfTheProduct) {
  void* p = family().reallocarray(nullptr, 10, 10);
  ASSERT_NE(p, nullptr);
  fill(p, 100, 1);
  p = family().reallocarray(p, 1000, 1000);
  ASSERT_NE(p, nullptr);
  EXPECT_GE(family().usableSize(p), 1000000u);
  EXPECT_EQ(firstDifference(p, 100, 1), 100u);
  family().free(p);
}

}  // namespace
}  // namespace heapprof::conformance

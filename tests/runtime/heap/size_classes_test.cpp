#include "runtime/heap/size_classes.h"

#include <gtest/gtest.h>

namespace heapprof::heap {
namespace {

TEST(SizeClasses, EveryRequestGetsTheFirstClassThatHoldsIt) {
  for (std::size_t n = 0; n <= kLargestClass; ++n) ASSERT_EQ(classFor(n), searchClass(n)) << n;
}

TEST(SizeClasses, InternalWasteIsBounded) {
  for (std::size_t n = 129; n <= kLargestClass; ++n) {
    const std::size_t size = kSizeClasses[classFor(n)].size;
    // Four per doubling: a fifth of the class and the rounding to 16 at worst; eight per doubling: a ninth.
    const double most = n <= 1024 ? 0.2 : n <= kLargestSmall ? 0.16 : 0.112;
    ASSERT_LE(static_cast<double>(size - n), most * static_cast<double>(size) + 16) << n;
  }
}

TEST(SizeClasses, TailWasteOfAClasssLargestSlabIsUnderTwoPercent) {
  for (std::size_t c = 0; c < kClasses; ++c) {
    const SizeClass& row = kSizeClasses[c];
    const SlabShape& shape = row.largest();
    const std::size_t slab = shape.granules * pages::kGranuleBytes;
    EXPECT_EQ(shape.capacity, slab / row.size);
    EXPECT_LT((slab - std::size_t{shape.capacity} * row.size) * 50, slab) << row.size;
  }
}

TEST(SizeClasses, SmallerSlabsOfAClassHoldHalfOrLessAndWasteAnEighthTheSmallestAQuarter) {
  for (std::size_t c = 0; c < kClasses; ++c) {
    const SizeClass& row = kSizeClasses[c];
    for (std::size_t k = 0; k + 1 < row.shapeCount; ++k) {
      const SlabShape& shape = row.shapes[k];
      const std::size_t slab = shape.granules * pages::kGranuleBytes;
      EXPECT_EQ(shape.capacity, slab / row.size);
      EXPECT_LE(shape.capacity * 2, row.shapes[k + 1].capacity) << row.size;
      EXPECT_LT((slab % row.size) * (k == 0 ? 4 : 8), slab) << row.size;
    }
  }
}

TEST(SizeClasses, AnotherSlabAtMostDoublesWhatAHeapHasOfAMediumClass) {
  for (std::size_t c = 0; c < kClasses; ++c) {
    const SizeClass& row = kSizeClasses[c];
    EXPECT_EQ(&shapeFor(c, 0), &row.smallest());
    for (std::uint64_t out = row.smallest().capacity; out < 100; ++out) {
      EXPECT_LE(shapeFor(c, out).capacity, out) << row.size;
      EXPECT_GE(shapeFor(c, out).capacity, shapeFor(c, out - 1).capacity) << row.size;
    }
    EXPECT_EQ(&shapeFor(c, row.largest().capacity), &row.largest());
  }
}

TEST(SizeClasses, PowersOfTwoAreClassesSoThatAlignmentWastesNothing) {
  for (std::size_t n = 16; n <= 65536; n *= 2) EXPECT_EQ(kSizeClasses[classFor(n)].size, n);
}

TEST(SizeClasses, ObjectsOfAPageOrMoreAreFewPerSlab) {
  for (std::size_t c = 0; c < kClasses; ++c) {
    if (kSizeClasses[c].size >= 4096) {
      EXPECT_LE(kSizeClasses[c].largest().capacity, pages::kGranuleBytes / 1024) << kSizeClasses[c].size;
    }
  }
}

}  // namespace
}  // namespace heapprof::heap

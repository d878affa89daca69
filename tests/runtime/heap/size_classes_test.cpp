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

TEST(SizeClasses, TailWasteOfASlabIsUnderTwoPercent) {
  for (std::size_t c = 0; c < kClasses; ++c) {
    const SizeClass& row = kSizeClasses[c];
    const std::size_t slab = row.granules * pages::kGranuleBytes;
    EXPECT_EQ(row.capacity, slab / row.size);
    EXPECT_LT((slab - std::size_t{row.capacity} * row.size) * 50, slab) << row.size;
  }
}

TEST(SizeClasses, PowersOfTwoAreClassesSoThatAlignmentWastesNothing) {
  for (std::size_t n = 16; n <= 65536; n *= 2) EXPECT_EQ(kSizeClasses[classFor(n)].size, n);
}

TEST(SizeClasses, ObjectsOfAPageOrMoreAreFewPerSlab) {
  for (std::size_t c = 0; c < kClasses; ++c) {
    if (kSizeClasses[c].size >= 4096) {
      EXPECT_LE(kSizeClasses[c].capacity, pages::kGranuleBytes / 1024) << kSizeClasses[c].size;
    }
  }
}

}  // namespace
}  // namespace heapprof::heap

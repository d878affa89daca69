// A made-up heap that adds up: extents side by side over the region, and what follows from them.
//
// Invariant: extents are ascending, whole granules long, never overlap, and end inside hugePages x 2 MiB;
// live objects never exceed the capacity; every address that liveAddress() gives lies in an extent of that
// class and is given once.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/tools/dump_plan.h"

namespace heapprof::tools {

inline constexpr std::uint64_t kRegionStart = 0x100000000000;
inline constexpr std::uint64_t kPageBytes = 4096;
inline constexpr std::uint64_t kGranuleBytes = 32768;
inline constexpr std::uint64_t kPlacementBytes = 2 << 20;
inline constexpr std::uint64_t kGranulesPerPlacement = kPlacementBytes / kGranuleBytes;
static_assert(kGranulesPerPlacement == 64, "one bitmap word a row is assumed below");

enum ExtentKind : std::uint32_t {
  kSmallSlab = 1,
  kMediumSlab,
  kLarge,
  kFreeDirty,
  kFreePurged,
  kMetadata,
  kUnused
};

struct Extent {
  std::uint64_t start = 0;
  std::uint64_t bytes = 0;
  ExtentKind kind = kUnused;
  std::uint64_t classSize = 0;  // of slabs; for large extents the object is the extent
  std::uint64_t live = 0;
  std::uint64_t capacity = 0;
  std::uint64_t residentBytes = 0;
  std::uint64_t owner = 0;
  std::uint64_t ageNanos = 0;
  std::uint64_t objectBytes() const { return kind == kLarge ? bytes : classSize; }
};

struct HugePage {
  std::uint64_t used = 0;  // bitmaps of granules
  std::uint64_t backed = 0;
  std::uint64_t liveBytes = 0;
};

// The extents of one size class, and how many live objects came before each.
struct ClassExtents {
  std::uint64_t objectBytes = 0;
  std::vector<std::uint32_t> extents;
  std::vector<std::uint64_t> liveBefore;
  std::uint64_t live = 0;
};

struct HeapTotals {
  std::uint64_t liveBytes = 0, freeSlotBytes = 0, dirtyBytes = 0, purgedBytes = 0, metadataBytes = 0,
                liveObjects = 0;
};

class HeapLayout {
 public:
  explicit HeapLayout(const DumpPlan& plan);
  const std::vector<Extent>& extents() const { return extents_; }
  const std::vector<HugePage>& hugePages() const { return hugePages_; }
  const std::vector<ClassExtents>& classes() const { return classes_; }
  const HeapTotals& totals() const { return totals_; }
  // The address of the nth of this class's live objects, n < live; scattered over its extents.
  std::uint64_t liveAddress(const ClassExtents& ofClass, std::uint64_t nth) const;

 private:
  void layExtents(const DumpPlan& plan);
  void fill(Extent& extent, Random& random);
  void markGranules();
  void collectClasses();
  std::vector<Extent> extents_;
  std::vector<HugePage> hugePages_;
  std::vector<ClassExtents> classes_;
  HeapTotals totals_;
};

}  // namespace heapprof::tools

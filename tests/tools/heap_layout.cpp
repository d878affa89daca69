#include "tests/tools/heap_layout.h"

#include <algorithm>
#include <map>

namespace heapprof::tools {
namespace {

constexpr std::uint64_t kClassSizes[] = {16,  32,   48,   64,   96,   128,  192,  256,  384,   512,
                                         768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384};
constexpr std::size_t kClasses = sizeof kClassSizes / sizeof kClassSizes[0];
constexpr std::uint64_t kFirstMediumSize = 2048;
constexpr std::uint64_t kSecond = 1000000000;
// Steps through a class's live objects: a prime above any class's count, so that each is met once; nth x
// prime stays within 64 bits because both are below 2^32.
constexpr std::uint64_t kScatterPrime = 4294967291u;

ExtentKind pickKind(Random& random) {
  const std::uint64_t draw = random.below(100);
  return draw < 55   ? kSmallSlab
         : draw < 70 ? kMediumSlab
         : draw < 82 ? kLarge
         : draw < 90 ? kFreeDirty
         : draw < 97 ? kFreePurged
         : draw < 98 ? kMetadata
                     : kUnused;
}

std::uint64_t pickClass(ExtentKind kind, Random& random) {
  for (;;) {
    const std::uint64_t size = kClassSizes[random.below(kClasses)];
    if ((size < kFirstMediumSize) == (kind == kSmallSlab)) {
      return size;
    }
  }
}

}  // namespace

HeapLayout::HeapLayout(const DumpPlan& plan) : hugePages_(plan.hugePages) {
  layExtents(plan);
  markGranules();
  collectClasses();
}

void HeapLayout::layExtents(const DumpPlan& plan) {
  Random random(plan.seed * 3 + 1);
  const std::uint64_t granules = plan.hugePages * kGranulesPerPlacement;
  const std::uint64_t rows = std::min(plan.extents, granules);
  extents_.reserve(rows);
  std::uint64_t at = 0;
  for (std::uint64_t row = 0; row < rows; ++row) {
    const std::uint64_t mean = (granules - at) / (rows - row);
    const std::uint64_t most = granules - at - (rows - row - 1);  // one granule is left for each row to come
    const std::uint64_t length =
        row + 1 == rows ? most : std::clamp<std::uint64_t>(random.below(2 * mean), 1, most);
    Extent extent;
    extent.start = kRegionStart + at * kGranuleBytes;
    extent.bytes = length * kGranuleBytes;
    extent.kind = row == 0 ? kSmallSlab : pickKind(random);
    fill(extent, random);
    extents_.push_back(extent);
    at += length;
  }
}

void HeapLayout::fill(Extent& extent, Random& random) {
  extent.ageNanos = random.below(3600) * kSecond + random.below(kSecond);
  switch (extent.kind) {
    case kSmallSlab:
    case kMediumSlab: {
      extent.classSize = pickClass(extent.kind, random);
      extent.capacity = extent.bytes / extent.classSize;
      const std::uint64_t fullness = random.percent(60) ? 90 + random.below(11) : random.below(101);
      extent.live = std::max<std::uint64_t>(1, extent.capacity * fullness / 100);
      extent.owner = 1 + random.below(16);
      extent.residentBytes = extent.bytes;
      totals_.freeSlotBytes += extent.bytes - extent.live * extent.classSize;
      break;
    }
    case kLarge:
      extent.live = extent.capacity = 1;
      extent.residentBytes = extent.bytes;
      break;
    case kFreeDirty:
      extent.residentBytes = extent.bytes;
      totals_.dirtyBytes += extent.bytes;
      break;
    case kMetadata:
      extent.residentBytes = extent.bytes;
      totals_.metadataBytes += extent.bytes;
      break;
    case kFreePurged:
      totals_.purgedBytes += extent.bytes;
      break;
    case kUnused:
      break;
  }
  totals_.liveBytes += extent.live * extent.objectBytes();
  totals_.liveObjects += extent.live;
}

void HeapLayout::markGranules() {
  for (const Extent& extent : extents_) {
    const bool used = extent.live != 0 || extent.kind == kMetadata;
    const std::uint64_t first = (extent.start - kRegionStart) / kGranuleBytes;
    const std::uint64_t count = extent.bytes / kGranuleBytes;
    for (std::uint64_t granule = first; granule < first + count; ++granule) {
      HugePage& page = hugePages_[granule / kGranulesPerPlacement];
      const std::uint64_t bit = std::uint64_t{1} << (granule % kGranulesPerPlacement);
      page.used |= used ? bit : 0;
      page.backed |= extent.residentBytes != 0 ? bit : 0;
      page.liveBytes += extent.live * extent.objectBytes() / count;
    }
  }
}

void HeapLayout::collectClasses() {
  std::map<std::uint64_t, ClassExtents> bySize;
  for (std::size_t i = 0; i < extents_.size(); ++i) {
    const Extent& extent = extents_[i];
    if (extent.live == 0) {
      continue;
    }
    ClassExtents& ofClass = bySize[extent.objectBytes()];
    ofClass.objectBytes = extent.objectBytes();
    ofClass.extents.push_back(static_cast<std::uint32_t>(i));
    ofClass.liveBefore.push_back(ofClass.live);
    ofClass.live += extent.live;
  }
  for (auto& [size, ofClass] : bySize) {
    classes_.push_back(std::move(ofClass));
  }
}

std::uint64_t HeapLayout::liveAddress(const ClassExtents& ofClass, std::uint64_t nth) const {
  const std::uint64_t scattered = nth * kScatterPrime % ofClass.live;
  const auto after = std::upper_bound(ofClass.liveBefore.begin(), ofClass.liveBefore.end(), scattered);
  const auto which = static_cast<std::size_t>(after - ofClass.liveBefore.begin()) - 1;
  const Extent& extent = extents_[ofClass.extents[which]];
  const std::uint64_t slot = (scattered - ofClass.liveBefore[which]) * extent.capacity / extent.live;
  return extent.start + slot * extent.objectBytes();
}

}  // namespace heapprof::tools

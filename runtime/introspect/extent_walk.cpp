#include "runtime/introspect/extent_walk.h"

#include "runtime/pages/region.h"

namespace heapprof::introspect {
namespace {

// Written under the page lock, which a dump does not take; one aligned word, so never torn.
__attribute__((no_sanitize("thread"), noinline)) std::uint64_t purgedBits(const pages::Unit& unit) noexcept {
  return *static_cast<const volatile std::uint64_t*>(&unit.purged);
}

struct Walk {
  void (*visit)(void* context, const heap::Extent& extent);
  void* context;

  void operator()(const heap::Extent& extent) const {
    if (extent.kind == heap::ExtentKind::kFreePurged) {
      split(extent);
    } else {
      visit(context, extent);
    }
  }

  void split(const heap::Extent& extent) const {
    pages::Granule at = pages::granuleOf(reinterpret_cast<const void*>(extent.start));
    const auto count = static_cast<std::uint32_t>(extent.bytes >> pages::kGranuleShift);
    heap::Extent row = extent;
    row.bytes = 0;
    for (std::uint32_t done = 0; done < count;) {
      const unsigned bit = at % pages::kUnitGranules;
      const std::uint64_t bits = purgedBits(pages::unitOf(at)) >> bit;
      std::uint32_t run = 1;
      if (bits == 0) {  // the common case: nothing purged in the rest of the unit
        run = pages::kUnitGranules - bit;
        run = run < count - done ? run : count - done;
      }
      const auto kind = (bits & 1) != 0 ? heap::ExtentKind::kFreePurged : heap::ExtentKind::kUnused;
      if (row.bytes != 0 && row.kind != kind) {
        visit(context, row);
        row.start += row.bytes;
        row.bytes = 0;
      }
      row.kind = kind;
      row.bytes += std::size_t{run} << pages::kGranuleShift;
      at += run;
      done += run;
    }
    if (row.bytes != 0) {
      visit(context, row);
    }
  }
};

}  // namespace

void walkExtents(void (*visit)(void* context, const heap::Extent& extent), void* context) noexcept {
  Walk walk{visit, context};
  heap::forEachExtent(
      [](void* opaque, const heap::Extent& extent) { (*static_cast<const Walk*>(opaque))(extent); }, &walk);
}

}  // namespace heapprof::introspect

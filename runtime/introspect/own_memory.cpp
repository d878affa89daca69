#include "runtime/introspect/own_memory.h"

#include "runtime/meta/meta_memory.h"
#include "runtime/pages/region.h"

namespace heapprof::introspect {
namespace {

struct Visit {
  void (*visit)(void* context, OwnKind kind, std::uintptr_t start, std::size_t bytes);
  void* context;
  void operator()(OwnKind kind, const void* start, std::size_t bytes) const {
    if (bytes != 0) {
      visit(context, kind, reinterpret_cast<std::uintptr_t>(start), bytes);
    }
  }
};

}  // namespace

void forEachOwnRange(void (*visit)(void* context, OwnKind kind, std::uintptr_t start, std::size_t bytes),
                     void* context) noexcept {
  Visit call{visit, context};
  meta::forEachMapping(
      [](void* opaque, meta::Purpose purpose, const void* start, std::size_t bytes) {
        const bool sampler = purpose == meta::Purpose::kSampler;
        (*static_cast<const Visit*>(opaque))(sampler ? OwnKind::kSampler : OwnKind::kBooks, start, bytes);
      },
      &call);
  for (std::size_t i = 0; i < pages::regionCount(); ++i) {
    const pages::Region& region = pages::regionAt(i);
    // acquire: what is committed has its rows in every table.
    const std::size_t granules = region.committed.load(std::memory_order_acquire);
    call(OwnKind::kHeap, reinterpret_cast<const void*>(region.start), granules << pages::kGranuleShift);
    call(OwnKind::kBooks, region.units, granules / pages::kUnitGranules * sizeof(pages::Unit));
    call(OwnKind::kBooks, region.nodes, granules * sizeof(pages::Node));
    call(OwnKind::kBooks, region.side, granules * pages::kSideBytes);
  }
}

}  // namespace heapprof::introspect

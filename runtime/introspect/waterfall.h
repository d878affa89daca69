// Where the resident memory of this process goes. Each line is measured on its own; none is what the others
// leave over, so that the difference to the kernel's figure (printed by readers as `unattributed`) is an
// honest check.
//
//   slab:   |<---- carved: live, cached, free slots ---->|<-- never carved -->| tail |
//           counts from the heap x the residency of this range | residency, free slots |
//
// Within the carved part of one slab it is not known which slots are live, so its lines share that part's
// residency: exact where all of it is resident (all slabs of small objects that were not swapped or trimmed),
// an even share elsewhere; objects of trimmed pages have none. Large objects, dirty and purged ranges,
// metadata and foreign mappings are measured page by page. Invariant: a figure that was not taken has known
// == false. No lock is held, no thread is stopped. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/heap/inspect.h"
#include "runtime/introspect/dump_memory.h"
#include "runtime/introspect/kernel_truth.h"
#include "runtime/introspect/process_figures.h"
#include "runtime/introspect/size_class_table.h"

namespace heapprof::introspect {

struct Waterfall {
  ProcessFigures process;  // rss: the mean of a reading just before and one just after the walk over the heap
  CgroupFigures cgroup;
  Figure requested, requestedStderr, internalSlack;
  Figure live, liveObjects, freeSlots, threadCaches, dirty, purged, metadata, sampler, otherMappings;
  Figure untouched, huge, swapped;
  bool classesEstimated = false;  // requested bytes per class are known (sampling is or was on)
};

// One extent, shared out. Public for the writer of extents and for tests.
struct ExtentShare {
  PageBytes pages;  // of the whole extent
  double live = 0;  // resident bytes of live objects
  double liveSwapped = 0;
  double cached = 0;
  double freeSlots = 0;
  std::uint64_t liveObjects = 0;
  std::uint64_t liveBytes = 0;  // by allocated size, resident or not
};
ExtentShare shareOut(const heap::Extent& extent, KernelTruth& truth) noexcept;

// Bytes of live objects a placement unit, by allocated size, from region start on.
struct PlacementUse {
  std::uint32_t* liveBytes = nullptr;  // null: no memory, unknown
  std::size_t units = 0;
};

struct WaterfallInput {
  DumpMemory& memory;
  KernelTruth& truth;
  SizeClassTable& classes;  // filled with residency and estimates
  PlacementUse placement;
};

Waterfall measureWaterfall(const WaterfallInput& input) noexcept;

}  // namespace heapprof::introspect

// What the parts of one dump share, and the parts themselves. A dump is one pprof Profile:
//
//   dump = Profile strings and types, mappings            dump_profile.cpp
//          samples with their locations, stacks rows      dump_profile.cpp
//          header, capabilities, totals                   dump_header.cpp
//          size classes, threads, live samples            dump_tables.cpp
//          extents                                        dump_extents.cpp
//          huge pages                                     dump_huge_pages.cpp
//          purges                                         dump_purges.cpp
//          timeline                                       dump_timeline.cpp
//
// Invariant: everything lives as long as the dump; memory comes from `memory` only. Owner: writeDump(). One
// thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/wire/writer.h"
#include "runtime/introspect/dump.h"
#include "runtime/introspect/dump_memory.h"
#include "runtime/introspect/kernel_truth.h"
#include "runtime/introspect/size_class_table.h"
#include "runtime/introspect/strings.h"
#include "runtime/introspect/waterfall.h"

namespace heapprof::introspect {

struct DumpTimes {
  std::uint64_t startReal, startMonotonic;  // of this process, as far as we saw it
  std::uint64_t dumpReal, dumpMonotonic;
};

struct DumpContext {
  wire::Writer& writer;
  DumpMemory& memory;
  ProfileStrings& strings;
  SnapshotStrings& snapshotStrings;
  KernelTruth& truth;
  SizeClassTable& classes;
  PlacementUse placement;
  Waterfall& waterfall;
  DumpTimes times;
  Reason reason;
  std::uint32_t sequence;
};

// Each gives false when it had no memory for its buffers.
bool writeProfilePart(DumpContext& dump) noexcept;
bool writeHeader(DumpContext& dump) noexcept;
void writeTotals(DumpContext& dump) noexcept;
bool writeSizeClasses(DumpContext& dump) noexcept;
bool writeThreads(DumpContext& dump) noexcept;
bool writeLiveSamples(DumpContext& dump) noexcept;
bool writeExtents(DumpContext& dump) noexcept;
bool writeHugePages(DumpContext& dump) noexcept;
bool writePurges(DumpContext& dump) noexcept;
bool writeTimeline(DumpContext& dump) noexcept;

}  // namespace heapprof::introspect

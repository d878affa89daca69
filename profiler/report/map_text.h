// The heap's huge pages as a raster: a character or a square each, in the order of their addresses.
// Invariant: pure; a page's place in the raster is its number, so equal places of two dumps of one process
// are the same memory. Rows without any page are one line that says how many.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

#include "profiler/analysis/map_tables.h"

namespace heapprof::report {

enum class MapColour { kLive, kUsed, kResident, kKernel, kChange };

struct MapView {
  const model::Snapshot* snapshot = nullptr;
  const analysis::HeapMap* map = nullptr;
  const analysis::MapTables* tables = nullptr;
  MapColour colour = MapColour::kLive;
};

std::string mapText(const MapView& view);
std::string mapSvg(const MapView& view);

}  // namespace heapprof::report

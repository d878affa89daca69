// Where the huge pages of a map lie on screen: a raster of cells, row-major, so that addresses stay readable.
// At full scale 512 cells a row are 1 GiB; a small heap gets fewer, larger cells so that it fills the page.
//
// Invariant: cellUnit has rows() * columns entries; each unit of the map has exactly one cell; by address, a
// unit's column is its index modulo columns, and rows that hold nothing are left out (gapBefore says where).
// Plain data; pure functions; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "profiler/analysis/analyses.h"

namespace heapprof::gui {

inline constexpr std::uint32_t kNoUnit = 0xffffffffu;

enum class MapOrder { kAddress, kOccupancy };

struct MapLayout {
  std::uint32_t columns = 512;
  std::vector<std::uint32_t> cellUnit;  // row of HeapMap, or kNoUnit
  std::vector<std::uint64_t> rowIndex;  // by address: unit number of each row's first cell
  std::vector<std::uint8_t> gapBefore;  // 1: rows without units lie before this one
  std::size_t rows() const { return columns == 0 ? 0 : cellUnit.size() / columns; }
};

MapLayout layoutMap(const analysis::HeapMap& map, MapOrder order, std::uint32_t columns);

// Columns and cell size in pixels that show the whole heap as large as fits; for a heap that does not fit,
// 512 columns.
struct MapFit {
  std::uint32_t columns = 512;
  int cellPixels = 1;
};
MapFit fitMap(const analysis::HeapMap& map, MapOrder order, int width, int height);

// How full a unit is in [0, 1]: live bytes where the dump knows them, granules in use otherwise.
double occupancy(const analysis::HeapMap& map, std::size_t unit);

// The unit that keeps most resident memory for the least live data: what to look at first. kNoUnit for an
// empty map.
std::uint32_t mostWasteful(const analysis::HeapMap& map);

}  // namespace heapprof::gui

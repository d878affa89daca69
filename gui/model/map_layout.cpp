#include "gui/model/map_layout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace heapprof::gui {

using analysis::HeapMap;

namespace {

constexpr int kLargestCell = 160;
// Heaps beyond this are shown at full scale anyway; trying other columns would cost a sweep each.
constexpr std::size_t kSmallMap = 65536;

std::size_t rowsByAddress(const HeapMap& map, std::uint32_t columns) {
  std::size_t rows = 0;
  std::uint64_t last = 0;
  for (const std::uint64_t index : map.index) {
    if (rows == 0 || index / columns != last) ++rows;
    last = index / columns;
  }
  return rows;
}

std::size_t rowsFor(const HeapMap& map, MapOrder order, std::uint32_t columns) {
  if (order == MapOrder::kAddress) return rowsByAddress(map, columns);
  return (map.index.size() + columns - 1) / columns;
}

}  // namespace

double occupancy(const HeapMap& map, std::size_t unit) {
  if (unit < map.liveFraction.size() && !std::isnan(map.liveFraction[unit])) {
    return std::clamp(static_cast<double>(map.liveFraction[unit]), 0.0, 1.0);
  }
  return unit < map.usedFraction.size() ? std::clamp(static_cast<double>(map.usedFraction[unit]), 0.0, 1.0)
                                        : 0;
}

MapLayout layoutMap(const HeapMap& map, MapOrder order, std::uint32_t columns) {
  MapLayout layout;
  layout.columns = columns;
  const std::size_t count = map.index.size();
  if (order == MapOrder::kOccupancy) {
    const std::size_t rows = (count + columns - 1) / columns;
    layout.cellUnit.assign(rows * columns, kNoUnit);
    std::iota(layout.cellUnit.begin(), layout.cellUnit.begin() + static_cast<std::ptrdiff_t>(count), 0u);
    std::stable_sort(layout.cellUnit.begin(), layout.cellUnit.begin() + static_cast<std::ptrdiff_t>(count),
                     [&](std::uint32_t a, std::uint32_t b) { return occupancy(map, a) > occupancy(map, b); });
    layout.rowIndex.assign(rows, 0);
    layout.gapBefore.assign(rows, 0);
    return layout;
  }
  for (std::size_t unit = 0; unit < count; ++unit) {
    const std::uint64_t row = map.index[unit] / columns;
    if (layout.rowIndex.empty() || layout.rowIndex.back() != row * columns) {
      const bool isGap = !layout.rowIndex.empty() && layout.rowIndex.back() / columns + 1 != row;
      layout.gapBefore.push_back(isGap ? 1 : 0);
      layout.rowIndex.push_back(row * columns);
      layout.cellUnit.resize(layout.cellUnit.size() + columns, kNoUnit);
    }
    const std::size_t cell =
        layout.cellUnit.size() - columns + static_cast<std::size_t>(map.index[unit] % columns);
    layout.cellUnit[cell] = static_cast<std::uint32_t>(unit);
  }
  return layout;
}

MapFit fitMap(const HeapMap& map, MapOrder order, int width, int height) {
  MapFit best{512, std::max(1, width / 512)};
  if (map.index.empty() || map.index.size() > kSmallMap) return best;
  int bestCell = 0;
  constexpr std::array<std::uint32_t, 17> kColumns{512, 384, 256, 192, 128, 96, 64, 48, 40,
                                                   32,  24,  20,  16,  12,  10, 8,  4};
  for (const std::uint32_t columns : kColumns) {
    const auto rows = static_cast<int>(std::min<std::size_t>(rowsFor(map, order, columns), 1u << 20));
    const int cell = std::min({width / static_cast<int>(columns), height / std::max(1, rows), kLargestCell});
    if (cell > bestCell) {  // wider rows win a tie
      bestCell = cell;
      best = {columns, cell};
    }
  }
  return best;
}

std::uint32_t mostWasteful(const HeapMap& map) {
  std::uint32_t worst = kNoUnit;
  double worstWaste = -1;
  for (std::uint32_t unit = 0; unit < map.index.size(); ++unit) {
    const bool knows = unit < map.residentFraction.size() && !std::isnan(map.residentFraction[unit]);
    const double resident = knows ? static_cast<double>(map.residentFraction[unit]) : 1.0;
    const double live = occupancy(map, unit);
    // A page without anything in use goes back by itself; one that a few objects hold is what a person can
    // act on.
    const double waste = live > 0 ? resident - live : resident * 0.01;
    if (waste > worstWaste) {
      worstWaste = waste;
      worst = unit;
    }
  }
  return worst;
}

}  // namespace heapprof::gui

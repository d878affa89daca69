// Pixel sizes that the map's events (map_view.cpp) and its drawing (map_paint.cpp) share.
#pragma once

namespace heapprof::gui {

inline constexpr int kMapMargin = 84;  // row labels, left of the cells
inline constexpr int kMapGap = 7;      // a break in the addresses; also above the first row
inline constexpr int kMinimapWidth = 72;
inline constexpr int kCellByCell = 4;    // cells from this size are drawn one by one, with a gap
inline constexpr int kGranuleCell = 18;  // cells from this size show their granules

}  // namespace heapprof::gui

// What a huge page is, as a state and as a colour: one place for the raster, the legend and the inspector.
// Pure functions over an immutable HeapMap and the theme in force.
#pragma once

#include <QColor>
#include <QString>
#include <vector>

#include "profiler/analysis/analyses.h"

namespace heapprof::gui {

enum class MapColoring { kState, kOccupancy, kKernel, kAge, kChange };
inline constexpr int kMapColorings = 5;

// By live bytes: below the one nearly empty, from the other on full.
inline constexpr double kNearlyEmptyBelow = 0.25;
inline constexpr double kFullFrom = 0.9;

enum class UnitState { kReturned, kUntouched, kFreeResident, kNearlyEmpty, kPartly, kFull };

UnitState unitState(const analysis::HeapMap& map, std::size_t unit);
QString unitStateName(UnitState state);
QColor unitStateColor(UnitState state);
QString kernelStateName(std::uint8_t state);

// One colour a unit; a million take one sweep. `stop` is asked every few thousand units.
std::vector<QRgb> colorUnits(const analysis::HeapMap& map, MapColoring coloring,
                             const analysis::Cancel& stop);

struct LegendEntry {
  QColor color;
  QString label;
};
std::vector<LegendEntry> mapLegend(const analysis::HeapMap& map, MapColoring coloring);

}  // namespace heapprof::gui

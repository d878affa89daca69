#include "gui/view/map_colors.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "formats/proto/heap_snapshot.pb.h"
#include "gui/model/map_layout.h"
#include "gui/model/units.h"
#include "gui/view/theme.h"

namespace heapprof::gui {

using analysis::HeapMap;

namespace {

// The share of a huge page that saturates the colours of change.
constexpr double kLargeChange = 0.5;
constexpr int kStates = 6;

double ageFraction(std::uint64_t nanos, std::uint64_t oldest) {
  if (nanos == 0 || oldest <= 1) return 0;
  // Logarithmic from a millisecond: the difference between a second and a minute matters as that between
  // hours.
  const double low = std::log(1e6);
  const double high = std::max(low + 1, std::log(static_cast<double>(oldest)));
  return std::clamp((std::log(static_cast<double>(nanos)) - low) / (high - low), 0.0, 1.0);
}

std::uint64_t oldestOf(const HeapMap& map) {
  return map.ageNanos.empty() ? 0 : *std::max_element(map.ageNanos.begin(), map.ageNanos.end());
}

QColor kernelColor(std::uint8_t state) {
  const Theme& t = theme();
  switch (state) {
    case heapprof::KERNEL_NONE:
      return t.none;
    case heapprof::KERNEL_SMALL:
      return t.small;
    case heapprof::KERNEL_HUGE:
      return t.huge;
    case heapprof::KERNEL_MIXED:
      return t.mixed;
    default:
      return t.unknown;
  }
}

std::uint8_t kernelStateOf(const HeapMap& map, std::size_t unit) {
  return unit < map.kernelState.size() ? map.kernelState[unit] : std::uint8_t{0};
}

QColor colorOfUnit(const HeapMap& map, std::size_t unit, MapColoring coloring, std::uint64_t oldest) {
  switch (coloring) {
    case MapColoring::kState:
      return unitStateColor(unitState(map, unit));
    case MapColoring::kOccupancy:
      return sequentialColor(occupancy(map, unit));
    case MapColoring::kKernel:
      return kernelColor(kernelStateOf(map, unit));
    case MapColoring::kAge:
      if (unit >= map.ageNanos.size() || map.ageNanos[unit] == 0) return theme().unknown;
      return sequentialColor(ageFraction(map.ageNanos[unit], oldest));
    case MapColoring::kChange:
      break;
  }
  if (unit >= map.changeFraction.size() || std::isnan(map.changeFraction[unit])) return theme().unknown;
  return divergingColor(static_cast<double>(map.changeFraction[unit]) / kLargeChange);
}

LegendEntry entry(const QColor& color, const QString& name, std::size_t units, std::uint64_t unitBytes) {
  return {color, QStringLiteral("%1: %2").arg(name, formatBytes(static_cast<double>(units * unitBytes)))};
}

std::vector<LegendEntry> stateLegend(const HeapMap& map) {
  std::array<std::size_t, kStates> counts{};
  for (std::size_t unit = 0; unit < map.index.size(); ++unit)
    ++counts[static_cast<std::size_t>(unitState(map, unit))];
  std::vector<LegendEntry> legend;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto state = static_cast<UnitState>(i);
    if (counts[i] > 0)
      legend.push_back(entry(unitStateColor(state), unitStateName(state), counts[i], map.placementBytes));
  }
  return legend;
}

std::vector<LegendEntry> kernelLegend(const HeapMap& map) {
  std::array<std::size_t, 5> counts{};
  for (std::size_t unit = 0; unit < map.index.size(); ++unit)
    ++counts[std::min<std::uint8_t>(4, kernelStateOf(map, unit))];
  std::vector<LegendEntry> legend;
  for (const int at : {1, 3, 4, 2, 0}) {
    const auto state = static_cast<std::uint8_t>(at);
    if (counts[state] > 0)
      legend.push_back(entry(kernelColor(state), kernelStateName(state), counts[state], map.placementBytes));
  }
  return legend;
}

}  // namespace

UnitState unitState(const HeapMap& map, std::size_t unit) {
  const double used = unit < map.usedFraction.size() ? static_cast<double>(map.usedFraction[unit]) : 0;
  const bool knowsResident = unit < map.residentFraction.size() && !std::isnan(map.residentFraction[unit]);
  const bool resident = !knowsResident || map.residentFraction[unit] > 0;
  if (used <= 0) return resident && knowsResident ? UnitState::kFreeResident : UnitState::kReturned;
  if (!resident) return UnitState::kUntouched;
  const double full = occupancy(map, unit);
  if (full < kNearlyEmptyBelow) return UnitState::kNearlyEmpty;
  return full < kFullFrom ? UnitState::kPartly : UnitState::kFull;
}

QString unitStateName(UnitState state) {
  switch (state) {
    case UnitState::kReturned:
      return QStringLiteral("given back");
    case UnitState::kUntouched:
      return QStringLiteral("in use, untouched");
    case UnitState::kFreeResident:
      return QStringLiteral("free, still resident");
    case UnitState::kNearlyEmpty:
      return QStringLiteral("nearly empty (under 25%)");
    case UnitState::kPartly:
      return QStringLiteral("partly used");
    case UnitState::kFull:
      break;
  }
  return QStringLiteral("full (90% and more)");
}

QColor unitStateColor(UnitState state) {
  switch (state) {
    case UnitState::kReturned:
      return theme().none;
    case UnitState::kUntouched:
      return theme().mixed;
    case UnitState::kFreeResident:
      return theme().dirty;
    case UnitState::kNearlyEmpty:
      return theme().more;
    case UnitState::kPartly:
      return theme().slack;
    case UnitState::kFull:
      break;
  }
  return theme().live;
}

QString kernelStateName(std::uint8_t state) {
  switch (state) {
    case heapprof::KERNEL_NONE:
      return QStringLiteral("not resident");
    case heapprof::KERNEL_SMALL:
      return QStringLiteral("small pages");
    case heapprof::KERNEL_HUGE:
      return QStringLiteral("one huge page");
    case heapprof::KERNEL_MIXED:
      return QStringLiteral("part huge, part small");
    default:
      return QStringLiteral("unknown to the dump");
  }
}

std::vector<QRgb> colorUnits(const HeapMap& map, MapColoring coloring, const analysis::Cancel& stop) {
  const std::uint64_t oldest = coloring == MapColoring::kAge ? oldestOf(map) : 0;
  std::vector<QRgb> colors(map.index.size());
  for (std::size_t unit = 0; unit < colors.size(); ++unit) {
    if (unit % 4096 == 0 && stop && stop()) return {};
    colors[unit] = colorOfUnit(map, unit, coloring, oldest).rgb();
  }
  return colors;
}

std::vector<LegendEntry> mapLegend(const HeapMap& map, MapColoring coloring) {
  switch (coloring) {
    case MapColoring::kState:
      return stateLegend(map);
    case MapColoring::kKernel:
      return kernelLegend(map);
    case MapColoring::kOccupancy:
      return {{sequentialColor(0), QStringLiteral("empty")},
              {sequentialColor(0.25), QStringLiteral("25%")},
              {sequentialColor(0.5), QStringLiteral("50%")},
              {sequentialColor(0.75), QStringLiteral("75%")},
              {sequentialColor(1), QStringLiteral("full")}};
    case MapColoring::kAge: {
      const std::uint64_t oldest = oldestOf(map);
      if (oldest == 0)
        return {{theme().unknown, QStringLiteral("the dump has no ages (huge_pages.age_nanos)")}};
      return {
          {sequentialColor(0), QStringLiteral("new")},
          {sequentialColor(1), QStringLiteral("oldest, %1").arg(formatNanos(static_cast<double>(oldest)))},
          {theme().unknown, QStringLiteral("unknown")}};
    }
    case MapColoring::kChange:
      break;
  }
  if (map.changeFraction.empty()) return {{theme().unknown, QStringLiteral("no baseline: choose one above")}};
  const QString bytes = formatBytes(static_cast<double>(map.placementBytes) * kLargeChange);
  return {{divergingColor(-1), QStringLiteral("−%1 or more live").arg(bytes)},
          {divergingColor(0), QStringLiteral("no change")},
          {divergingColor(1), QStringLiteral("+%1 or more live").arg(bytes)}};
}

}  // namespace heapprof::gui

#include "gui/model/timeline_series.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gui/model/units.h"

namespace heapprof::gui {

std::size_t TimelineSeriesSet::rowNear(double wanted) const {
  auto at = std::lower_bound(nanos.begin(), nanos.end(), wanted);
  if (at == nanos.end()) --at;
  if (at != nanos.begin() && wanted - *(at - 1) < *at - wanted) --at;
  return static_cast<std::size_t>(at - nanos.begin());
}

TimelineSeriesSet timelineSeries(const analysis::TimelineResult& result) {
  TimelineSeriesSet set;
  set.nanos = result.rows.find("time")->values;
  for (const char* id : {"rss", "live", "huge", "dirty"}) {
    const model::Column& column = *result.rows.find(id);
    if (column.size() == 0 || !column.isKnown(0)) continue;
    set.levels.push_back({QString::fromLatin1(id), QString::fromStdString(column.title),
                          QString::fromStdString(column.help), column.values});
    set.mostBytes = std::max(set.mostBytes, *std::max_element(column.values.begin(), column.values.end()));
  }
  const model::Column& rate = *result.rows.find("allocation_rate");
  for (std::size_t row = 0; row < rate.size(); ++row) {
    set.rates.push_back(rate.isKnown(row) ? rate.values[row] : std::numeric_limits<double>::quiet_NaN());
    if (rate.isKnown(row)) set.mostRate = std::max(set.mostRate, rate.values[row]);
  }
  const model::Column& when = *result.marks.find("time");
  for (std::size_t row = 0; row < when.size(); ++row) {
    set.marks.push_back({when.values[row], QString::fromStdString(result.marks.find("name")->texts[row])});
  }
  set.first = std::numeric_limits<double>::infinity();
  set.last = 0;
  if (!set.nanos.empty()) set.first = set.nanos.front(), set.last = set.nanos.back();
  for (const TimelineMark& mark : set.marks) {
    set.first = std::min(set.first, mark.nanos);
    set.last = std::max(set.last, mark.nanos);
  }
  if (set.last <= set.first) set.last = set.first + 1e9;
  return set;
}

QString timelineHeadline(const TimelineSeriesSet& series) {
  if (series.levels.empty() || series.levels.front().id != QLatin1String("rss")) {
    return QStringLiteral("%1 rows; RSS was not recorded").arg(series.nanos.size());
  }
  const std::vector<double>& rss = series.levels.front().values;
  const auto peak = std::max_element(rss.begin(), rss.end());
  const double when = series.nanos[static_cast<std::size_t>(peak - rss.begin())];
  return QStringLiteral("RSS %1 to %2, at most %3 after %4")
      .arg(formatBytes(rss.front()), formatBytes(rss.back()), formatBytes(*peak),
           QString::fromStdString(analysis::sinceStart(when, series.last)));
}

std::vector<double> timeTicks(double first, double last, int wanted) {
  const double raw = (last - first) * 1e-9 / std::max(1, wanted);
  double step = 0;
  for (const double seconds :
       {0.01, 0.02,  0.05,  0.1,   0.2,   0.5,    1.0,    2.0,    5.0,     10.0,    15.0,   30.0,
        60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0, 43200.0, 86400.0}) {
    step = seconds;
    if (seconds >= raw) break;
  }
  step *= std::max(1.0, std::ceil(raw / step));
  std::vector<double> ticks;
  const double nanos = step * 1e9;
  for (double tick = std::ceil(first / nanos) * nanos; tick <= last; tick += nanos) ticks.push_back(tick);
  return ticks;
}

std::vector<double> byteTicks(double most, int wanted) {
  const double raw = std::max(most, 1.0) / std::max(1, wanted);
  double unit = 1;
  while (raw >= unit * 1024) unit *= 1024;
  double step = unit * 1024;
  for (const double factor : {500.0, 200.0, 100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0}) {
    if (unit * factor >= raw) step = unit * factor;
  }
  std::vector<double> ticks{0};
  while (ticks.back() < most) ticks.push_back(ticks.back() + step);
  return ticks;
}

}  // namespace heapprof::gui

// A timeline as arrays to draw: the figures that were recorded, the marks, round ticks of both axes. Computes
// nothing of its own: rows and rates are analysis::timeline's.
//
// Invariant: pure; any thread. A series has a value a row, or is not there at all.
#pragma once

#include <QString>
#include <vector>

#include "profiler/analysis/timeline.h"

namespace heapprof::gui {

struct TimelineSeries {
  QString id, title, help;
  std::vector<double> values;
};

struct TimelineMark {
  double nanos = 0;
  QString name;
};

struct TimelineSeriesSet {
  std::vector<double> nanos;           // since the program's start, rising
  std::vector<TimelineSeries> levels;  // bytes: rss, live, dirty, huge
  std::vector<double> rates;           // bytes a second, of the time up to each row; NaN: not known
  std::vector<TimelineMark> marks;
  double first = 0, last = 1;  // of rows and marks
  double mostBytes = 0, mostRate = 0;

  bool hasRates() const { return mostRate > 0; }
  std::size_t rowNear(double wanted) const;  // needs a row
};

TimelineSeriesSet timelineSeries(const analysis::TimelineResult& result);

// "RSS 24.16MB to 117.58MB, at most 120MB after 0:41:06"; how many rows where RSS is not known.
QString timelineHeadline(const TimelineSeriesSet& series);

// Round moments (1, 2, 5, 10, 15, 30 s or min, hours, days), at most about `wanted`.
std::vector<double> timeTicks(double first, double last, int wanted);
// 0 to at least `most`, at round figures of kB, MB, GB.
std::vector<double> byteTicks(double most, int wanted);

}  // namespace heapprof::gui

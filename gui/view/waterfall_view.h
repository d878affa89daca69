// The RSS waterfall as a chart: each figure floats where the one before it ended, so that the bars add up to
// the kernel's figure before your eyes. With a baseline it leads from the old RSS to the new one over signed
// changes.
//
// Invariant: drawn from one immutable table (analysis::waterfall); unknown rows take their line but no bar.
#pragma once

#include <QWidget>
#include <memory>
#include <vector>

#include "profiler/model/table.h"

namespace heapprof::gui {

// One line of the chart, in bytes; what draw() needs and what tests read.
struct WaterfallBar {
  QString id;
  QString label;
  QString valueText;
  QString toolTip;
  double from = 0;  // the bar spans [min(from, to), max(from, to)]
  double to = 0;
  bool known = true;
  bool isTotal = false;
};

std::vector<WaterfallBar> waterfallBars(const model::Table& table, bool asChange);

class WaterfallView final : public QWidget {
  Q_OBJECT

 public:
  explicit WaterfallView(QWidget* parent = nullptr);
  void setTable(std::shared_ptr<const model::Table> table, bool asChange);
  const std::vector<WaterfallBar>& bars() const { return bars_; }
  QRectF barRect(std::size_t row) const;  // where the bar of a line is drawn
  void draw(QPainter& painter) const;
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;
  bool event(QEvent* event) override;

 private:
  struct Geometry {
    double labelWidth = 0, left = 0, right = 0, rowHeight = 0;
    double low = 0, high = 1;  // bytes at the axis' ends
    double x(double bytes) const { return left + (bytes - low) / (high - low) * (right - left); }
  };
  Geometry geometryFor() const;
  void drawAxis(QPainter& painter, const Geometry& g) const;
  void drawBar(QPainter& painter, const Geometry& g, std::size_t row) const;

  std::vector<WaterfallBar> bars_;
  bool asChange_ = false;
};

}  // namespace heapprof::gui

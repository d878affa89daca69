// The timeline drawn: RSS, live, huge and dirty bytes over time, the allocation rate below on the same axis,
// marks as lines with their names. The row under the pointer, or chosen by the arrow keys, has its figures
// shown.
//
// Invariant: drawn from immutable series in one paint; at most one row is in front. GUI thread.
#pragma once

#include <QWidget>
#include <memory>

#include "gui/model/timeline_series.h"

namespace heapprof::gui {

class TimelineView final : public QWidget {
  Q_OBJECT

 public:
  static constexpr int kNoRow = -1;

  explicit TimelineView(QWidget* parent = nullptr);

  void setSeries(std::shared_ptr<const TimelineSeriesSet> series);
  const TimelineSeriesSet* series() const { return series_.get(); }
  void draw(QPainter& painter) const;
  double xOf(double nanos) const;  // where a moment is drawn
  QRectF levelArea() const;        // of the bytes
  QRectF rateArea() const;         // empty where no rate is known
  int row() const { return row_; }
  void setRow(int row);
  QStringList figures(int at) const;  // "at 0:41:06", "RSS 1.2GB", ...; empty for kNoRow
  QStringList figures() const { return figures(row_); }
  QSize sizeHint() const override { return {760, 420}; }
  QSize minimumSizeHint() const override { return {360, 220}; }

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  double yOf(double bytes) const;
  void drawLegend(QPainter& painter) const;
  void drawAxes(QPainter& painter) const;
  void drawLevels(QPainter& painter) const;
  void drawRates(QPainter& painter) const;
  void drawMarks(QPainter& painter) const;
  void drawRow(QPainter& painter) const;

  std::shared_ptr<const TimelineSeriesSet> series_;
  std::vector<double> ticks_{0, 1};  // of the bytes
  int row_ = kNoRow;
};

}  // namespace heapprof::gui

// Histograms side by side, a bar for each power of two: where most are, and how far the tail reaches.
//
// Invariant: drawn from immutable tables of `from`, `to` and `count` in one paint; a bar's height is its
// share of its own histogram's largest, none that counts anything is invisible. GUI thread.
#pragma once

#include <QWidget>
#include <memory>
#include <vector>

#include "profiler/model/table.h"

namespace heapprof::gui {

class HistogramStrip final : public QWidget {
  Q_OBJECT

 public:
  explicit HistogramStrip(QWidget* parent = nullptr);

  // Those without a row are left out; hasBars() is false where that leaves none.
  void setTables(std::vector<std::shared_ptr<const model::Table>> tables);
  bool hasBars() const { return !tables_.empty(); }
  std::size_t shown() const { return tables_.size(); }
  QRectF bar(std::size_t table, std::size_t row) const;
  QString textAt(const QPointF& place) const;  // of the bar there, else of its histogram
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;
  bool event(QEvent* event) override;

 private:
  QRectF area(std::size_t table) const;

  std::vector<std::shared_ptr<const model::Table>> tables_;
};

}  // namespace heapprof::gui

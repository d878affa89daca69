// One stack over time: what it held at each dump, with the error of sampling, and how old what it holds is
// beside how long its freed objects had lived. What a leak's verdict rests on, to be seen.
//
// Invariant: drawn from immutable histories in one paint; ages of the last dump, gathered by powers of two
// once, when the stack is set. GUI thread.
#pragma once

#include <QWidget>
#include <array>
#include <memory>

#include "profiler/analysis/stack_history.h"

namespace heapprof::gui {

class StackChart final : public QWidget {
  Q_OBJECT

 public:
  explicit StackChart(QWidget* parent = nullptr);

  // Null: nothing is in front.
  void setStack(std::shared_ptr<const analysis::Histories> histories, std::size_t row);
  void draw(QPainter& painter) const;
  QPointF pointAt(std::size_t dump) const;       // where a dump's figure is drawn; needs two dumps
  QRectF ageBar(std::size_t bucket) const;       // of live bytes; empty where nothing is that old
  QRectF lifetimeBar(std::size_t bucket) const;  // of freed objects
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QRectF historyArea() const;
  QRectF ageArea() const;
  const analysis::StackHistory& stack() const { return histories_->stacks()[row_]; }
  bool hasHistory() const { return histories_->dumps().size() > 1; }
  bool hasAges() const { return lastBucket_ >= firstBucket_; }
  double yOf(double bytes) const;
  void drawHistory(QPainter& painter) const;
  void drawAges(QPainter& painter) const;

  std::shared_ptr<const analysis::Histories> histories_;
  std::size_t row_ = 0;
  double top_ = 1;  // bytes at the top of the history
  std::array<double, analysis::kLifetimeBuckets> ages_{};
  int firstBucket_ = 0, lastBucket_ = -1;  // that hold something
  double mostBytes_ = 0, mostDeaths_ = 0;
};

}  // namespace heapprof::gui

// The timeline page: how RSS and the heap went while the program ran, and what it marked.
//
// Invariant: figures are those of `heapprof timeline` on the dump in front. Owner: the window; GUI thread.
#pragma once

#include <memory>

#include "gui/view/page_base.h"

class QLabel;

namespace heapprof::gui {

class TimelineView;

class TimelinePage final : public Page {
  Q_OBJECT

 public:
  TimelinePage(Session& session, QWidget* parent);

  void goUp() override;
  QString selectionAsTsv() const override;  // of the row in front, else of the last
  std::shared_ptr<const model::Table> exportTable() const override { return rows_; }
  void renderTo(QPainter& painter) override;
  TimelineView& view() const { return *view_; }
  QString headline() const;

 protected:
  void refresh() override;
  void themeChanged() override;

 private:
  QLabel* headline_;
  QLabel* notes_;
  TimelineView* view_;
  std::shared_ptr<const model::Table> rows_;
};

Page* createTimelinePage(Session& session, QWidget* parent);

}  // namespace heapprof::gui

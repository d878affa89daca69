// The flame graph page: who allocated what is live, by call path. Direction, colouring, search and pivot
// around the canvas; a baseline turns it into a difference.
#pragma once

#include <memory>

#include "gui/view/page_base.h"
#include "profiler/analysis/analyses.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;

namespace heapprof::gui {

class ElidedLabel;
class FlameView;

class FlamePage final : public Page {
  Q_OBJECT

 public:
  FlamePage(Session& session, QWidget* parent);

  void startSearch() override;
  void goUp() override;
  void pivot() override;
  QString selectedFunction() const override;
  QString selectionAsTsv() const override;
  std::shared_ptr<const model::Table> exportTable() const override;
  void renderTo(QPainter& painter) override;
  FlameView& view() { return *view_; }

 protected:
  void refresh() override;
  void themeChanged() override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  QWidget* createBar();
  void show(std::shared_ptr<const analysis::CallTree> tree);
  void applySearch();
  void describeNode(quint32 node);
  void openMenu(quint32 node, const QPoint& globalPosition);
  void updateLegend();
  void endPivot();

  FlameView* view_;
  QComboBox* direction_;
  QComboBox* coloring_;
  QPushButton* flip_;
  QPushButton* reset_;
  QPushButton* unpivot_;
  QLineEdit* search_;
  QLabel* found_;
  ElidedLabel* detail_;
  QLabel* legend_;
  std::shared_ptr<const analysis::CallTree> tree_;  // as analysed; the view may show a pivot of it
  bool wasDiff_ = false;
};

Page* createFlamePage(Session& session, QWidget* parent);

}  // namespace heapprof::gui

// The leaks page: all open dumps as one history. Every stack with its verdict, suspects first; the one in
// front with what the verdict rests on: its figures over time, its ages, its frames. What a file of
// suppressions matched is counted apart.
//
// Invariant: the dumps are all that are open, whichever is in front; figures are those of `heapprof leaks`
// on the same files. Owner: the window; GUI thread.
#pragma once

#include <memory>

#include "gui/model/leak_answer.h"
#include "gui/view/page_base.h"

class QLabel;
class QLineEdit;
class QPushButton;
class QTableView;

namespace heapprof::gui {

class StackChart;
class TableModel;

class LeaksPage final : public Page {
  Q_OBJECT

 public:
  LeaksPage(Session& session, QWidget* parent);

  void startSearch() override;
  void goUp() override;
  QString selectedFunction() const override;
  QString selectionAsTsv() const override;
  std::shared_ptr<const model::Table> exportTable() const override;

  QTableView* stacksView() const { return stacks_.view; }
  QTableView* verdictsView() const { return verdicts_.view; }
  QTableView* suppressedView() const { return suppressed_.view; }
  StackChart& chart() const { return *chart_; }
  QString headline() const;
  QString evidence() const;

 protected:
  void refresh() override;
  void themeChanged() override;

 private:
  struct Part {
    QTableView* view = nullptr;
    TableModel* model = nullptr;
  };
  QWidget* createBar(QWidget* parent);
  QWidget* createDetail(QWidget* parent);
  QWidget* createCounts(QWidget* parent);
  Part createTable(QWidget* parent);
  void show(const std::shared_ptr<const LeakAnswer>& answer);
  void showStack(int row);
  void chooseSuppressions();
  void applySearch();

  std::shared_ptr<const LeakAnswer> answer_;
  QLabel* headline_ = nullptr;
  QLabel* notes_ = nullptr;
  QLineEdit* search_ = nullptr;
  QPushButton* suppress_ = nullptr;
  QPushButton* suppressNone_ = nullptr;
  Part stacks_, verdicts_, suppressed_;
  QLabel* suppressedTitle_ = nullptr;
  QLabel* name_ = nullptr;
  QLabel* evidence_ = nullptr;
  QLabel* frames_ = nullptr;
  StackChart* chart_ = nullptr;
};

Page* createLeaksPage(Session& session, QWidget* parent);

}  // namespace heapprof::gui

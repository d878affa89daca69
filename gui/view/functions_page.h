// The functions page: every function with what it stores and what passes through it; beside it who calls the
// one in front and what it calls, as trees that open; or the whole program as a tree, from main() down or
// from the allocation up.
//
// Invariant: the function in front is a name, which survives a new query. The trees are turned on a worker;
// the list is there before them. Owner: the window; GUI thread.
#pragma once

#include <memory>

#include "gui/view/page_base.h"
#include "profiler/analysis/analyses.h"

class QButtonGroup;
class QLabel;
class QLineEdit;
class QStackedWidget;
class QTableView;
class QTreeView;

namespace heapprof::gui {

class CallTreeModel;
class ElidedLabel;
class SourcePane;
class TableModel;

class FunctionsPage final : public Page {
  Q_OBJECT

 public:
  enum Mode : int { kList, kTopDown, kBottomUp };

  FunctionsPage(Session& session, QWidget* parent);

  void startSearch() override;
  void goUp() override;
  QString selectedFunction() const override { return function_; }
  QString selectionAsTsv() const override;
  std::shared_ptr<const model::Table> exportTable() const override;

  void setMode(Mode mode);
  void showFunction(const QString& name);  // in front, selected in the list where it is there
  QTableView* list() const { return list_; }
  QTreeView* whole() const { return whole_.view; }
  QTreeView* callers() const { return callers_.view; }
  QTreeView* callees() const { return callees_.view; }
  SourcePane& source() const { return *source_; }

 protected:
  void refresh() override;

 private:
  using TreePtr = std::shared_ptr<const analysis::CallTree>;
  struct TreePart {
    QLabel* title = nullptr;
    QTreeView* view = nullptr;
    CallTreeModel* model = nullptr;
  };
  struct Around {
    analysis::CallTree callers, callees;
  };

  QWidget* createBar(QWidget* parent);
  QWidget* createAround(QWidget* parent);
  TreePart createTree(QWidget* parent, const QString& title);
  void showList(const std::shared_ptr<const model::Table>& table);
  void loadTree(Mode mode);
  void showWhole();
  void turnAround();
  void showAround(const std::shared_ptr<const Around>& around);
  void applySearch();
  void findNextInTree();
  const TreePart* focusedTree() const;

  QLineEdit* search_;
  QButtonGroup* modes_;
  QStackedWidget* left_;
  QLabel* listTitle_;
  QTableView* list_;
  TableModel* listModel_;
  TreePart whole_, callers_, callees_;
  ElidedLabel* name_;
  QLabel* figures_;
  SourcePane* source_;
  Runner treeWork_, bottomUpWork_, aroundWork_;
  TreePtr topDown_, bottomUp_;
  QString function_;
};

Page* createFunctionsPage(Session& session, QWidget* parent);

}  // namespace heapprof::gui

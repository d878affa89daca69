// The source of the function in front, each line with what it stores and what passes through it; the line
// that weighs most is in sight.
//
// Invariant: never an answer to an old question; the figures are `top`'s by lines, asked for once a query and
// only while the pane can be seen. Owner: the functions page; GUI thread.
#pragma once

#include <QWidget>
#include <memory>

#include "gui/model/runner.h"
#include "gui/model/source_lines.h"

class QLabel;
class QTableView;

namespace heapprof::gui {

class ElidedLabel;
class Session;
class TableModel;

class SourcePane final : public QWidget {
  Q_OBJECT

 public:
  SourcePane(Session& session, QWidget* parent);

  void refresh();  // another query
  void showFunction(const QString& name);
  QTableView* table() const { return view_; }
  QString title() const;
  QString problem() const;
  bool isFolded() const { return isFolded_; }
  int foldedHeight() const;  // of what there is to say, and of the lines' figures, without a text to read

 Q_SIGNALS:
  void answered();  // it holds another text, or has folded

 private:
  void ask();
  void show(const std::shared_ptr<const SourceAnswer>& answer);

  Session& session_;
  Runner linesWork_, sourceWork_;
  std::shared_ptr<const model::Table> lines_;
  QString function_;
  bool isFolded_ = false;
  ElidedLabel* title_;
  QLabel* problem_;
  QTableView* view_;
  TableModel* model_;
};

}  // namespace heapprof::gui

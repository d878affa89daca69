// What every page shares: it refreshes when the query changes and it is in front (else when it comes to
// front), it says what is missing instead of showing nothing, and it offers the window its search, copy,
// filter and export hooks.
//
// Invariant: refresh() is only called with a dump in front that has what the page's row needs.
// Owner: the window; GUI thread.
#pragma once

#include <QWidget>
#include <memory>

#include "absl/status/status.h"

#include "gui/model/runner.h"
#include "profiler/model/table.h"

class QStackedLayout;

namespace heapprof::gui {

class EmptyState;
class Session;
struct PageRow;

class Page : public QWidget {
  Q_OBJECT

 public:
  Page(Session& session, QWidget* parent);

  void setRow(const PageRow& row) { row_ = &row; }

  virtual void startSearch();
  virtual void goUp() {}  // Escape: back out of a zoom or a selection
  virtual void pivot();
  virtual QString selectedFunction() const { return {}; }  // what F and X act on
  virtual QString selectionAsTsv() const { return {}; }    // Ctrl+C
  virtual std::shared_ptr<const model::Table> exportTable() const { return nullptr; }
  // Draws the page's picture as vectors; the default draws the widgets.
  virtual void renderTo(QPainter& painter);

 Q_SIGNALS:
  void notice(const QString& text);  // for the status bar

 protected:
  virtual void refresh() = 0;

  Session& session() const { return session_; }
  Runner& runner() { return runner_; }
  // The page's widgets; call once from the constructor.
  void setContent(QWidget* content);
  void showContent();
  void showMessage(const QString& title, const QString& text, const QString& command = {});
  // The query leaves no stack: says whether filters did that, or nothing was alive.
  void showNothing();
  void showError(const absl::Status& status);
  // What the page looks at has changed, though the query has not: asks again, at the latest when it is shown.
  void askAgain() { update(); }
  void showEvent(QShowEvent* event) override;
  void changeEvent(QEvent* event) override;
  virtual void themeChanged() {}

 private:
  void update();

  Session& session_;
  Runner runner_;
  const PageRow* row_ = nullptr;
  QStackedLayout* stack_ = nullptr;
  EmptyState* empty_ = nullptr;
  bool stale_ = true;
};

}  // namespace heapprof::gui

// The window: a rail of pages on the left, the global bar above, the page in front, and a status bar with the
// equivalent command, progress and cancel. Made from the table of pages; knows no page by name.
//
// Owner: main() or the screenshot; GUI thread. Settings are only read and written when `remember` was asked
// for.
#pragma once

#include <QMainWindow>
#include <map>

#include "gui/model/loader.h"
#include "gui/model/session.h"

class QAction;
class QButtonGroup;
class QLabel;
class QMenu;
class QProgressBar;
class QPushButton;
class QStackedWidget;

namespace heapprof::gui {

class ElidedLabel;
class GlobalBar;
class Page;

class MainWindow final : public QMainWindow {
  Q_OBJECT

 public:
  explicit MainWindow(bool remember, QWidget* parent = nullptr);
  ~MainWindow() override;

  void open(const QStringList& files, const QString& base = {});
  Session& session() { return session_; }
  Loader& loader() { return loader_; }
  GlobalBar& bar() { return *bar_; }
  Page* page(const QString& id) const;  // null before it was first shown
  Page* currentPage() const;
  bool isIdle() const { return !loader_.busy() && session_.activity() == 0; }

  void exportPng(const QString& path);
  void exportSvg(const QString& path);
  void exportCsv(const QString& path);

 protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void closeEvent(QCloseEvent* event) override;

 private:
  void createRail();
  void createStatus();
  void createMenus();
  QAction* addAction(QMenu* menu, const QString& text, const QKeySequence& key, std::function<void()> action);
  void connectLoader();
  void showPage(const QString& id);
  void updateCommand();
  void updateRecent();
  void rememberFile(const QString& path);
  void filterBySelection(FilterChip::Kind kind);
  void stepDump(int by);
  void useAsBaseline();
  void exportAs(const QString& kind, const QString& suffix, void (MainWindow::*write)(const QString&));
  void copySelection();
  void showProblem(const QString& message);
  void showHelp();
  void showPalette();

  Session session_;
  Loader loader_;
  const bool remember_;
  int waitingBaseline_ = -1;
  QWidget* rail_;
  QButtonGroup* railButtons_;
  GlobalBar* bar_;
  QWidget* banner_;
  QLabel* bannerText_;
  QStackedWidget* stack_;
  std::map<QString, Page*> pages_;
  ElidedLabel* command_;
  QLabel* phase_;
  QProgressBar* progress_;
  QPushButton* cancel_;
  QMenu* recent_ = nullptr;
  QAction* undo_ = nullptr;
  QAction* back_ = nullptr;
  QAction* forward_ = nullptr;
};

}  // namespace heapprof::gui

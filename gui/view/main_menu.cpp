// MainWindow's menus, keys, exports and help; its frame is in main_window.cpp.
#include <QApplication>
#include <QClipboard>
#include <QDialog>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QMenuBar>
#include <QSaveFile>
#include <QScrollArea>
#include <QSettings>
#include <QStatusBar>
#include <QSvgGenerator>
#include <QVBoxLayout>

#include "gui/model/table_model.h"
#include "gui/view/command_palette.h"
#include "gui/view/global_bar.h"
#include "gui/view/main_window.h"
#include "gui/view/page.h"
#include "gui/view/page_base.h"
#include "gui/view/theme.h"

namespace heapprof::gui {
namespace {

constexpr int kRecentFiles = 10;
const auto kRecentKey = QStringLiteral("recent");

// The keys that every page has; each page's own are in its row.
constexpr char kGlobalKeys[] =
    "Ctrl+1 to Ctrl+9, Ctrl+0\tpages\n"
    "/\tsearch on the page\n"
    "F\tfocus: only stacks through the selected function\n"
    "X\texclude: no stacks through it\n"
    "Ctrl+Z\tundo the last change of filters\n"
    "B\tthe dump in front becomes the baseline, the next one comes to front\n"
    "[ and ]\tprevious and next dump\n"
    "Alt+Left, Alt+Right\tback and forward\n"
    "Ctrl+C\tcopy the selected row, tab separated\n"
    "Ctrl+Shift+C\tcopy the command that shows the same in a shell\n"
    "Ctrl+K\tfind anything the window can do\n"
    "Ctrl+O\topen dumps\n"
    "Esc\tend a search, zoom out\n"
    "?\tthis list";

QString keyTable(const QString& title, const QString& keys) {
  QString html = QStringLiteral("<h3>%1</h3><table cellpadding='3'>").arg(title.toHtmlEscaped());
  for (const QString& line : keys.split(u'\n', Qt::SkipEmptyParts)) {
    html += QStringLiteral("<tr><td style='padding-right:18px'><b>%1</b></td><td>%2</td></tr>")
                .arg(line.section(u'\t', 0, 0).toHtmlEscaped(), line.section(u'\t', 1).toHtmlEscaped());
  }
  return html + QStringLiteral("</table>");
}

}  // namespace

QAction* MainWindow::addAction(QMenu* menu, const QString& text, const QKeySequence& key,
                               std::function<void()> action) {
  QAction* item = menu->addAction(text);
  item->setShortcut(key);
  connect(item, &QAction::triggered, this, std::move(action));
  return item;
}

void MainWindow::createMenus() {
  QMenu* file = menuBar()->addMenu(QStringLiteral("&File"));
  addAction(file, QStringLiteral("&Open…"), QKeySequence::Open, [this] {
    const QStringList files = QFileDialog::getOpenFileNames(this, QStringLiteral("Open dumps"));
    if (!files.isEmpty()) open(files);
  });
  recent_ = file->addMenu(QStringLiteral("&Recent"));
  updateRecent();
  file->addSeparator();
  addAction(file, QStringLiteral("Export view as &PNG…"), {},
            [this] { exportAs(QStringLiteral("PNG"), QStringLiteral("png"), &MainWindow::exportPng); });
  addAction(file, QStringLiteral("Export view as &SVG…"), {},
            [this] { exportAs(QStringLiteral("SVG"), QStringLiteral("svg"), &MainWindow::exportSvg); });
  addAction(file, QStringLiteral("Export figures as &CSV…"), {},
            [this] { exportAs(QStringLiteral("CSV"), QStringLiteral("csv"), &MainWindow::exportCsv); });
  file->addSeparator();
  addAction(file, QStringLiteral("&Quit"), QKeySequence::Quit, [this] { close(); });

  QMenu* edit = menuBar()->addMenu(QStringLiteral("&Edit"));
  undo_ =
      addAction(edit, QStringLiteral("&Undo filter"), QKeySequence::Undo, [this] { session_.undoFilter(); });
  addAction(edit, QStringLiteral("&Copy row"), QKeySequence::Copy, [this] { copySelection(); });
  addAction(edit, QStringLiteral("Copy co&mmand"), QKeySequence(QStringLiteral("Ctrl+Shift+C")), [this] {
    const PageRow* row = findPage(session_.state().page);
    if (row != nullptr) QGuiApplication::clipboard()->setText(commandFor(*row, session_));
  });
  edit->addSeparator();
  addAction(edit, QStringLiteral("&Search"), Qt::Key_Slash, [this] {
    if (Page* page = currentPage()) page->startSearch();
  });
  addAction(edit, QStringLiteral("&Focus on the function"), Qt::Key_F,
            [this] { filterBySelection(FilterChip::kFocus); });
  addAction(edit, QStringLiteral("E&xclude the function"), Qt::Key_X,
            [this] { filterBySelection(FilterChip::kIgnore); });
  addAction(edit, QStringLiteral("&Pivot on the function"), Qt::Key_P, [this] {
    if (Page* page = currentPage()) page->pivot();
  });
  addAction(edit, QStringLiteral("Clea&r filters"), {}, [this] { session_.clearChips(); });

  QMenu* go = menuBar()->addMenu(QStringLiteral("&Go"));
  for (const PageRow& row : pages()) {
    addAction(go, QString::fromUtf8(row.title), QKeySequence(QStringLiteral("Ctrl+%1").arg(row.key)),
              [this, id = QLatin1String(row.id)] { session_.showPage(id); });
  }
  go->addSeparator();
  back_ = addAction(go, QStringLiteral("&Back"), QKeySequence(QStringLiteral("Alt+Left")),
                    [this] { session_.goBack(); });
  forward_ = addAction(go, QStringLiteral("&Forward"), QKeySequence(QStringLiteral("Alt+Right")),
                       [this] { session_.goForward(); });
  addAction(go, QStringLiteral("&Previous dump"), Qt::Key_BracketLeft, [this] { stepDump(-1); });
  addAction(go, QStringLiteral("&Next dump"), Qt::Key_BracketRight, [this] { stepDump(1); });
  addAction(go, QStringLiteral("Use as b&aseline"), Qt::Key_B, [this] { useAsBaseline(); });
  addAction(go, QStringLiteral("Co&mmands…"), QKeySequence(QStringLiteral("Ctrl+K")),
            [this] { showPalette(); });
  addAction(go, QStringLiteral("&Up"), Qt::Key_Escape, [this] {
    if (Page* page = currentPage()) page->goUp();
  });

  QMenu* view = menuBar()->addMenu(QStringLiteral("&View"));
  QAction* dark = view->addAction(QStringLiteral("&Dark"));
  dark->setCheckable(true);
  dark->setChecked(theme().dark);
  connect(dark, &QAction::toggled, this, [this](bool on) {
    applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), on);
    if (remember_) QSettings().setValue(QStringLiteral("dark"), on);
  });
  QMenu* help = menuBar()->addMenu(QStringLiteral("&Help"));
  QAction* keys = addAction(help, QStringLiteral("&Keys"), {}, [this] { showHelp(); });
  // A question mark is typed with Shift on most keyboards, and some platforms say so.
  keys->setShortcuts(
      {QKeySequence(QStringLiteral("?")), QKeySequence(QStringLiteral("Shift+?")), QKeySequence(Qt::Key_F1)});
}

void MainWindow::filterBySelection(FilterChip::Kind kind) {
  Page* page = currentPage();
  const QString function = page == nullptr ? QString() : page->selectedFunction();
  if (function.isEmpty()) {
    statusBar()->showMessage(QStringLiteral("Select a function first: a frame, or a row of a table."), 5000);
    return;
  }
  session_.addChip({kind, exactly(function)});
}

void MainWindow::stepDump(int by) {
  const int count = static_cast<int>(session_.dumps().size());
  if (count > 1) session_.showDump((session_.state().dump + by + count) % count);
}

void MainWindow::useAsBaseline() {
  const int count = static_cast<int>(session_.dumps().size());
  const int front = session_.state().dump;
  if (count < 2) {
    statusBar()->showMessage(QStringLiteral("Open a second dump to compare with (Ctrl+O)."), 5000);
    return;
  }
  session_.showDumpAndBaseline((front + 1) % count, front);
}

void MainWindow::copySelection() {
  const Page* page = currentPage();
  const QString text = page == nullptr ? QString() : page->selectionAsTsv();
  if (text.isEmpty()) {
    statusBar()->showMessage(QStringLiteral("Select what to copy first: a frame, or a row of a table."),
                             5000);
    return;
  }
  QGuiApplication::clipboard()->setText(text);
  statusBar()->showMessage(QStringLiteral("Copied."), 2000);
}

void MainWindow::updateRecent() {
  recent_->clear();
  const QStringList files = remember_ ? QSettings().value(kRecentKey).toStringList() : QStringList();
  for (const QString& file : files) {
    connect(recent_->addAction(file), &QAction::triggered, this, [this, file] { open({file}); });
  }
  recent_->setEnabled(!files.isEmpty());
}

void MainWindow::rememberFile(const QString& path) {
  if (!remember_) return;
  const QString absolute = QFileInfo(path).absoluteFilePath();
  QStringList files = QSettings().value(kRecentKey).toStringList();
  files.removeAll(absolute);
  files.prepend(absolute);
  QSettings().setValue(kRecentKey, files.mid(0, kRecentFiles));
  updateRecent();
}

void MainWindow::exportAs(const QString& kind, const QString& suffix,
                          void (MainWindow::*write)(const QString&)) {
  const QString path =
      QFileDialog::getSaveFileName(this, QStringLiteral("Export as %1").arg(kind),
                                   QStringLiteral("%1.%2").arg(session_.state().page, suffix));
  if (!path.isEmpty()) (this->*write)(path);
}

void MainWindow::exportPng(const QString& path) {
  const Page* page = currentPage();
  if (page == nullptr || !const_cast<Page*>(page)->grab().save(path, "PNG")) {
    showProblem(QStringLiteral("%1: cannot be written; choose another folder").arg(path));
  }
}

void MainWindow::exportSvg(const QString& path) {
  Page* page = currentPage();
  QSvgGenerator generator;
  generator.setFileName(path);
  generator.setSize(page->size());
  generator.setViewBox(page->rect());
  generator.setTitle(windowTitle());
  QPainter painter;
  if (!painter.begin(&generator)) {
    showProblem(QStringLiteral("%1: cannot be written; choose another folder").arg(path));
    return;
  }
  page->renderTo(painter);
}

void MainWindow::exportCsv(const QString& path) {
  const Page* page = currentPage();
  const std::shared_ptr<const model::Table> table = page == nullptr ? nullptr : page->exportTable();
  if (!table) {
    showProblem(QStringLiteral("This page shows no figures that could be exported yet."));
    return;
  }
  QSaveFile file(path);
  if (!file.open(QIODevice::WriteOnly) || file.write(tableAsCsv(*table).toUtf8()) < 0 || !file.commit()) {
    showProblem(QStringLiteral("%1: %2").arg(path, file.errorString()));
  }
}

void MainWindow::showPalette() {
  std::vector<PaletteEntry> entries;
  for (const QMenu* menu : menuBar()->findChildren<QMenu*>(QString(), Qt::FindDirectChildrenOnly)) {
    for (QAction* action : menu->actions()) {
      if (action->isSeparator() || action->menu() != nullptr || !action->isEnabled()) continue;
      const QString menuName = menu->title().remove(u'&');
      entries.push_back({menuName + QStringLiteral(": ") + action->text().remove(u'&'),
                         action->shortcut().toString(), [action] { action->trigger(); }});
    }
  }
  const int count = static_cast<int>(session_.dumps().size());
  for (int row = 0; row < count; ++row) {
    const QString path = QString::fromStdString(session_.dumps()[static_cast<std::size_t>(row)]->path());
    entries.push_back({QStringLiteral("Dump: ") + path, {}, [this, row] { session_.showDump(row); }});
    if (count < 2) continue;
    entries.push_back({QStringLiteral("Baseline: ") + path, {}, [this, row] { session_.setBaseline(row); }});
  }
  if (const model::SnapshotPtr snapshot = session_.snapshot()) {
    for (const std::string& name : snapshot->sampleTypeNames()) {
      const QString metric = QString::fromStdString(name);
      entries.push_back(
          {QStringLiteral("Metric: ") + metric, {}, [this, metric] { session_.setMetric(metric); }});
    }
  }
  (new CommandPalette(std::move(entries), this))->show();
}

void MainWindow::showHelp() {
  auto* dialog = new QDialog(this);
  dialog->setObjectName(QStringLiteral("help"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setWindowTitle(QStringLiteral("Keys"));
  dialog->resize(560, 620);
  QString html = keyTable(QStringLiteral("Everywhere"), QString::fromUtf8(kGlobalKeys));
  for (const PageRow& row : pages()) {
    if (session_.state().page == QLatin1String(row.id)) {
      html += keyTable(QString::fromUtf8(row.title), QString::fromUtf8(row.keys));
    }
  }
  auto* text = new QLabel(html, dialog);
  text->setTextFormat(Qt::RichText);
  text->setWordWrap(true);
  text->setAlignment(Qt::AlignTop);
  text->setContentsMargins(16, 8, 16, 16);
  auto* scroll = new QScrollArea(dialog);
  scroll->setWidgetResizable(true);
  scroll->setWidget(text);
  auto* column = new QVBoxLayout(dialog);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(scroll);
  dialog->show();
}

}  // namespace heapprof::gui

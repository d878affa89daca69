#include "gui/view/main_window.h"

#include <QButtonGroup>
#include <QCloseEvent>
#include <QFileInfo>
#include <QLabel>
#include <QMimeData>
#include <QProgressBar>
#include <QPushButton>
#include <QSettings>
#include <QStackedWidget>
#include <QStatusBar>
#include <QVBoxLayout>

#include "gui/view/command_box.h"
#include "gui/view/global_bar.h"
#include "gui/view/page.h"
#include "gui/view/page_base.h"
#include "gui/view/theme.h"

namespace heapprof::gui {

MainWindow::MainWindow(bool remember, QWidget* parent) : QMainWindow(parent), remember_(remember) {
  setWindowTitle(QStringLiteral("heapprof"));
  setAcceptDrops(true);
  resize(1280, 800);
  auto* central = new QWidget(this);
  auto* row = new QHBoxLayout(central);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(0);
  createRail();
  row->addWidget(rail_);
  auto* column = new QVBoxLayout;
  column->setSpacing(0);
  bar_ = new GlobalBar(session_, central);
  column->addWidget(bar_);
  banner_ = new QWidget(central);
  auto* bannerRow = new QHBoxLayout(banner_);
  bannerRow->setContentsMargins(14, 8, 14, 0);
  bannerText_ = new QLabel(banner_);
  bannerText_->setObjectName(QStringLiteral("banner"));
  bannerText_->setTextFormat(Qt::PlainText);
  bannerText_->setWordWrap(true);
  bannerText_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* dismiss = new QPushButton(QStringLiteral("Dismiss"), banner_);
  dismiss->setObjectName(QStringLiteral("quiet"));
  connect(dismiss, &QPushButton::clicked, banner_, &QWidget::hide);
  bannerRow->addWidget(bannerText_, 1);
  bannerRow->addWidget(dismiss);
  banner_->hide();
  column->addWidget(banner_);
  stack_ = new QStackedWidget(central);
  column->addWidget(stack_, 1);
  row->addLayout(column, 1);
  setCentralWidget(central);
  createStatus();
  createMenus();
  connectLoader();
  connect(bar_, &GlobalBar::problem, this, &MainWindow::showProblem);
  connect(&session_, &Session::pageChanged, this, &MainWindow::showPage);
  connect(&session_, &Session::historyChanged, this, &MainWindow::updateCommand);
  connect(&session_, &Session::dumpsChanged, this, &MainWindow::updateCommand);
  connect(&session_, &Session::activityChanged, this, [this](int running) {
    if (!loader_.busy()) phase_->setText(running > 0 ? QStringLiteral("computing…") : QString());
  });
  session_.showPage(QLatin1String(pages().front().id));
  if (remember_) restoreGeometry(QSettings().value(QStringLiteral("window/geometry")).toByteArray());
  updateCommand();
}

MainWindow::~MainWindow() {
  delete takeCentralWidget();  // pages count their workers out of the session, which is a member and goes
                               // before children
}

void MainWindow::createRail() {
  auto* frame = new QFrame(this);
  frame->setObjectName(QStringLiteral("rail"));
  frame->setFixedWidth(158);
  rail_ = frame;
  auto* column = new QVBoxLayout(frame);
  column->setContentsMargins(8, 12, 8, 8);
  column->setSpacing(2);
  auto* name = new QLabel(QStringLiteral("heapprof"), frame);
  name->setObjectName(QStringLiteral("h2"));
  name->setContentsMargins(10, 0, 0, 8);
  column->addWidget(name);
  railButtons_ = new QButtonGroup(this);
  for (std::size_t i = 0; i < pages().size(); ++i) {
    const PageRow& page = pages()[i];
    auto* button = new QPushButton(frame);
    button->setText(QString::fromUtf8(page.title));
    button->setToolTip(QStringLiteral("Ctrl+%1").arg(page.key));
    button->setCheckable(true);
    button->setFocusPolicy(Qt::NoFocus);
    button->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    railButtons_->addButton(button, static_cast<int>(i));
    column->addWidget(button);
  }
  column->addStretch(1);
  auto* help = new QPushButton(frame);
  help->setText(QStringLiteral("Keys (?)"));
  help->setFocusPolicy(Qt::NoFocus);
  help->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  connect(help, &QPushButton::clicked, this, &MainWindow::showHelp);
  column->addWidget(help);
  connect(railButtons_, &QButtonGroup::idClicked, this,
          [this](int at) { session_.showPage(QLatin1String(pages()[static_cast<std::size_t>(at)].id)); });
}

void MainWindow::createStatus() {
  command_ = new ElidedLabel(this);
  command_->setFont(monoFont());
  command_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  command_->setContentsMargins(8, 0, 0, 0);
  phase_ = new QLabel(this);
  phase_->setObjectName(QStringLiteral("muted"));
  progress_ = new QProgressBar(this);
  progress_->setFixedWidth(160);
  progress_->setRange(0, 1000);
  progress_->setTextVisible(false);
  progress_->hide();
  cancel_ = new QPushButton(QStringLiteral("Cancel"), this);
  cancel_->setObjectName(QStringLiteral("quiet"));
  cancel_->hide();
  connect(cancel_, &QPushButton::clicked, &loader_, &Loader::cancel);
  statusBar()->setSizeGripEnabled(false);
  statusBar()->addWidget(command_, 1);
  statusBar()->addPermanentWidget(phase_);
  statusBar()->addPermanentWidget(progress_);
  statusBar()->addPermanentWidget(cancel_);
}

void MainWindow::connectLoader() {
  connect(&loader_, &Loader::progress, this,
          [this](const QString& path, const QString& phase, double fraction) {
            phase_->setText(QStringLiteral("%1: %2").arg(QFileInfo(path).fileName(), phase));
            progress_->setValue(static_cast<int>(fraction * 1000));
            progress_->show();
            cancel_->show();
          });
  connect(&loader_, &Loader::loaded, this, [this](const model::SnapshotPtr& snapshot, bool asBaseline) {
    const int row = session_.addDump(snapshot);
    if (asBaseline && session_.state().dump >= 0) {
      session_.setBaseline(row);
    } else if (asBaseline) {
      waitingBaseline_ = row;  // it waits for the dump to compare, so that pages are computed once
    } else if (session_.state().dump < 0) {
      session_.showDumpAndBaseline(row, waitingBaseline_);
    }
    rememberFile(QString::fromStdString(snapshot->path()));
  });
  connect(&loader_, &Loader::failed, this,
          [this](const QString&, const QString& message) { showProblem(message); });
  connect(&loader_, &Loader::finished, this, [this](bool cancelled) {
    if (session_.state().dump < 0 && waitingBaseline_ >= 0) session_.showDump(waitingBaseline_);
    waitingBaseline_ = -1;
    progress_->hide();
    cancel_->hide();
    phase_->setText(cancelled ? QStringLiteral("loading cancelled") : QString());
  });
}

void MainWindow::open(const QStringList& files, const QString& base) {
  banner_->hide();
  loader_.load(files, base);
}

Page* MainWindow::page(const QString& id) const {
  const auto found = pages_.find(id);
  return found == pages_.end() ? nullptr : found->second;
}

Page* MainWindow::currentPage() const {
  return page(session_.state().page);
}

void MainWindow::showPage(const QString& id) {
  const PageRow* row = findPage(id);
  if (row == nullptr) return;
  Page*& made = pages_[id];
  if (made == nullptr) {
    made = row->create(session_, stack_);
    made->setRow(*row);
    stack_->addWidget(made);
    connect(made, &Page::notice, this, [this](const QString& text) { statusBar()->showMessage(text, 5000); });
  }
  stack_->setCurrentWidget(made);
  if (QAbstractButton* button = railButtons_->button(static_cast<int>(row - pages().data())))
    button->setChecked(true);
  if (made->focusProxy() != nullptr) made->setFocus();
  updateCommand();
}

void MainWindow::updateCommand() {
  const PageRow* row = findPage(session_.state().page);
  const QString command = row == nullptr ? QString() : commandFor(*row, session_);
  command_->setText(command.isEmpty() ? QString() : QStringLiteral("$ ") + command);
  command_->setToolTip(command.isEmpty()
                           ? QString()
                           : QStringLiteral("The same on the command line (Ctrl+Shift+C copies it):\n") +
                                 command);
  const model::SnapshotPtr snapshot = session_.snapshot();
  setWindowTitle(snapshot ? QFileInfo(QString::fromStdString(snapshot->path())).fileName() +
                                QStringLiteral(" - heapprof")
                          : QStringLiteral("heapprof"));
  undo_->setEnabled(session_.canUndoFilter());
  back_->setEnabled(session_.canGoBack());
  forward_->setEnabled(session_.canGoForward());
}

void MainWindow::showProblem(const QString& message) {
  bannerText_->setText(message);
  banner_->show();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  QStringList files;
  for (const QUrl& url : event->mimeData()->urls()) {
    if (url.isLocalFile()) files << url.toLocalFile();
  }
  if (!files.isEmpty()) open(files);
}

void MainWindow::closeEvent(QCloseEvent* event) {
  if (remember_) QSettings().setValue(QStringLiteral("window/geometry"), saveGeometry());
  loader_.cancel();
  event->accept();
}

}  // namespace heapprof::gui

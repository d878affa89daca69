#include "gui/view/leaks_page.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QScrollArea>
#include <QSplitter>
#include <QTableView>
#include <QVBoxLayout>

#include "gui/model/session.h"
#include "gui/model/table_model.h"
#include "gui/view/command_box.h"
#include "gui/view/layouts.h"
#include "gui/view/name_fit.h"
#include "gui/view/stack_chart.h"
#include "gui/view/table_style.h"
#include "gui/view/theme.h"

namespace heapprof::gui {
namespace {

QLabel* label(const char* style, QWidget* parent) {
  auto* made = new QLabel(parent);
  made->setObjectName(QLatin1String(style));
  made->setTextFormat(Qt::PlainText);
  made->setWordWrap(true);
  return made;
}

std::vector<model::Query> everyDump(const Session& session) {
  std::vector<model::Query> queries;
  model::Query query = session.query();
  query.baseline = nullptr;
  query.baselineMode = model::BaselineMode::kNone;
  for (const model::SnapshotPtr& dump : session.dumps()) {
    query.snapshot = dump;
    queries.push_back(query);
  }
  return queries;
}

}  // namespace

LeaksPage::LeaksPage(Session& session, QWidget* parent) : Page(session, parent) {
  auto* content = new QWidget(this);
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(14, 10, 14, 8);
  column->setSpacing(6);
  column->addWidget(createBar(content));
  notes_ = label("muted", content);
  column->addWidget(notes_);
  auto* lines = new QSplitter(Qt::Vertical, content);
  lines->setChildrenCollapsible(false);
  stacks_ = createTable(lines);
  stacks_.view->setSelectionMode(QAbstractItemView::SingleSelection);
  auto* below = new QSplitter(lines);
  below->setChildrenCollapsible(false);
  below->addWidget(createDetail(below));
  below->addWidget(createCounts(below));
  below->setSizes({700, 380});
  lines->setSizes({380, 320});
  column->addWidget(lines, 1);
  setContent(content);
  setFocusProxy(stacks_.view);
  connect(stacks_.view->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          [this](const QModelIndex& row) { showStack(row.row()); });
  connect(stacks_.view, &QTableView::doubleClicked, this, [this] {
    const QString function = selectedFunction();
    if (!function.isEmpty()) this->session().addChip({FilterChip::kFocus, exactly(function)});
  });
  connect(verdicts_.view, &QTableView::activated, this, [this](const QModelIndex& row) {
    search_->setText(u'^' + row.siblingAtColumn(verdicts_.model->columnOf("verdict")).data().toString() +
                     u'$');
  });
  connect(&session, &Session::dumpsChanged, this, &LeaksPage::askAgain);
}

QWidget* LeaksPage::createBar(QWidget* parent) {
  auto* bar = new QWidget(parent);
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(0, 0, 0, 0);
  headline_ = new ElidedLabel(bar);
  headline_->setObjectName(QStringLiteral("h2"));
  row->addWidget(headline_, 1);
  suppress_ = new QPushButton(QStringLiteral("Suppressions…"), bar);
  suppress_->setObjectName(QStringLiteral("quiet"));
  suppress_->setToolTip(QStringLiteral("A file of LeakSanitizer's format: lines leak:PATTERN"));
  suppressNone_ = new QPushButton(QStringLiteral("None"), bar);
  suppressNone_->setObjectName(QStringLiteral("quiet"));
  suppressNone_->setToolTip(QStringLiteral("Suppress nothing"));
  search_ = new QLineEdit(bar);
  search_->setPlaceholderText(QStringLiteral("Show rows that match ( / )"));
  search_->setClearButtonEnabled(true);
  search_->setMinimumWidth(110);
  search_->setMaximumWidth(230);
  row->addWidget(suppress_);
  row->addWidget(suppressNone_);
  row->addWidget(search_, 3);
  connect(suppress_, &QPushButton::clicked, this, &LeaksPage::chooseSuppressions);
  connect(suppressNone_, &QPushButton::clicked, this, [this] { session().setSuppressions({}); });
  connect(search_, &QLineEdit::textChanged, this, &LeaksPage::applySearch);
  connect(search_, &QLineEdit::returnPressed, this, [this] { stacks_.view->setFocus(); });
  return bar;
}

LeaksPage::Part LeaksPage::createTable(QWidget* parent) {
  Part part;
  part.view = new QTableView(parent);
  part.model = new TableModel(part.view);
  styleTable(part.view, part.model, &session());
  return part;
}

QWidget* LeaksPage::createDetail(QWidget* parent) {
  auto* detail = new QWidget(parent);
  auto* column = plainColumn(detail);
  name_ = new ElidedLabel(detail);
  name_->setObjectName(QStringLiteral("h2"));
  evidence_ = label("muted", detail);
  evidence_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  chart_ = new StackChart(detail);
  frames_ = label("", detail);
  frames_->setFont(monoFont());
  frames_->setWordWrap(false);
  frames_->setAlignment(Qt::AlignTop | Qt::AlignLeft);
  frames_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* scroll = new QScrollArea(detail);
  scroll->setWidgetResizable(true);
  scroll->setWidget(frames_);
  column->addWidget(name_);
  column->addWidget(evidence_);
  auto* row = new QHBoxLayout;
  row->setSpacing(12);
  row->addWidget(chart_, 5);
  row->addWidget(scroll, 2);
  column->addLayout(row, 1);
  return detail;
}

QWidget* LeaksPage::createCounts(QWidget* parent) {
  auto* counts = new QWidget(parent);
  auto* column = plainColumn(counts);
  column->setContentsMargins(8, 0, 0, 0);
  auto* title = label("h2", counts);
  title->setText(QStringLiteral("All stacks by verdict"));
  verdicts_ = createTable(counts);
  verdicts_.view->setToolTip(QStringLiteral("Enter or a double click lists the stacks of a verdict"));
  suppressedTitle_ = label("h2", counts);
  suppressedTitle_->setText(QStringLiteral("Suppressed"));
  suppressed_ = createTable(counts);
  column->addWidget(title);
  column->addWidget(verdicts_.view, 2);
  column->addWidget(suppressedTitle_);
  column->addWidget(suppressed_.view, 1);
  return counts;
}

void LeaksPage::refresh() {
  using Answer = absl::StatusOr<LeakAnswer>;
  runner().run([queries = everyDump(session()), file = session().state().suppressions](
                   const analysis::Cancel& cancel) -> Answer { return findLeaks(queries, file, cancel); },
               [this](const std::shared_ptr<const Answer>& answer) {
                 if (!answer->ok()) {
                   showError(answer->status());
                   return;
                 }
                 show(std::shared_ptr<const LeakAnswer>(answer, &**answer));
               });
}

void LeaksPage::show(const std::shared_ptr<const LeakAnswer>& answer) {
  const analysis::LeakReport& report = answer->report;
  if (report.stacks.rows() == 0 && report.suppressed.rows() == 0) {
    showNothing();
    return;
  }
  showContent();
  chart_->setStack(nullptr, 0);
  answer_ = answer;
  headline_->setText(leakHeadline(*answer));
  QStringList notes;
  if (!answer->problem.isEmpty()) notes << answer->problem;
  for (const std::string& note : report.stacks.notes) notes << QString::fromStdString(note);
  notes_->setText(notes.join(u'\n'));
  notes_->setVisible(!notes.isEmpty());
  const QString file = session().state().suppressions;
  suppress_->setText(file.isEmpty() ? QStringLiteral("Suppressions…")
                                    : QStringLiteral("Suppressions: ") + QFileInfo(file).fileName());
  suppressNone_->setVisible(!file.isEmpty());
  const auto part = [&](const model::Table& table) {
    return std::shared_ptr<const model::Table>(answer, &table);
  };
  // One dump has no growth; evidence and place are told below, for the stack in front.
  const bool isOne = answer->histories.dumps().size() == 1;
  if (isOne)
    setTableOf(stacks_.view, stacks_.model, part(report.stacks), {"growth", "rate", "evidence", "place"});
  else
    setTableOf(stacks_.view, stacks_.model, part(report.stacks), {"evidence", "place"});
  setTableOf(verdicts_.view, verdicts_.model, part(report.verdicts));
  setTableOf(suppressed_.view, suppressed_.model, part(report.suppressed));
  suppressedTitle_->setVisible(report.suppressed.rows() > 0);
  suppressed_.view->setVisible(report.suppressed.rows() > 0);
  stacks_.view->setCurrentIndex(stacks_.view->model()->index(0, 0));
  if (report.stacks.rows() == 0) showStack(-1);
}

void LeaksPage::showStack(int row) {
  const bool isShown = answer_ && row >= 0 && row < stacks_.view->model()->rowCount();
  if (!isShown) {
    name_->clear();
    evidence_->clear();
    frames_->clear();
    chart_->setStack(nullptr, 0);
    return;
  }
  const QModelIndex shown = stacks_.view->model()->index(row, 0);
  const auto at = static_cast<std::size_t>(
      static_cast<const QAbstractProxyModel*>(stacks_.view->model())->mapToSource(shown).row());
  const model::Table& table = answer_->report.stacks;
  const QString owner = QString::fromStdString(table.find("owner")->texts[at]);
  const QString place = QString::fromStdString(table.find("place")->texts[at]);
  name_->setText(place.isEmpty() ? owner : owner + QStringLiteral("  ·  ") + place);
  name_->setToolTip(name_->text());
  evidence_->setText(QString::fromStdString(table.find("verdict")->texts[at]) + QStringLiteral(": ") +
                     QString::fromStdString(table.find("evidence")->texts[at]));
  frames_->setText(QString::fromStdString(table.find("stack")->texts[at]));
  chart_->setStack(std::shared_ptr<const analysis::Histories>(answer_, &answer_->histories),
                   answer_->rowOf[at]);
}

void LeaksPage::chooseSuppressions() {
  const QString path = QFileDialog::getOpenFileName(this, QStringLiteral("Suppressions"));
  if (!path.isEmpty()) session().setSuppressions(path);
}

void LeaksPage::startSearch() {
  search_->setFocus();
  search_->selectAll();
}

void LeaksPage::goUp() {
  search_->clear();
  stacks_.view->setFocus();
}

void LeaksPage::applySearch() {
  const QRegularExpression expression(search_->text(), QRegularExpression::CaseInsensitiveOption);
  if (!expression.isValid()) {
    Q_EMIT notice(expression.errorString());
    return;
  }
  filterTable(stacks_.view, expression);
}

QString LeaksPage::headline() const {
  return headline_->text();
}

QString LeaksPage::evidence() const {
  return evidence_->text();
}

QString LeaksPage::selectedFunction() const {
  const QModelIndex row = stacks_.view->currentIndex();
  const int column = stacks_.model->functionColumn();
  return !row.isValid() || column < 0 ? QString() : row.siblingAtColumn(column).data().toString();
}

QString LeaksPage::selectionAsTsv() const {
  for (const Part* part : {&verdicts_, &suppressed_}) {
    if (part->view->hasFocus()) return selectedRowsAsTsv(*part->view);
  }
  return selectedRowsAsTsv(*stacks_.view);
}

std::shared_ptr<const model::Table> LeaksPage::exportTable() const {
  return stacks_.model->table();
}

void LeaksPage::themeChanged() {
  chart_->update();
}

Page* createLeaksPage(Session& session, QWidget* parent) {
  return new LeaksPage(session, parent);
}

}  // namespace heapprof::gui

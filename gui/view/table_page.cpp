#include "gui/view/table_page.h"

#include <QLabel>
#include <QLineEdit>
#include <QRegularExpression>
#include <QSplitter>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <numeric>

#include "gui/model/session.h"
#include "gui/model/table_model.h"
#include "gui/model/units.h"
#include "gui/view/table_style.h"

namespace heapprof::gui {

TablePage::TablePage(Session& session, int count, Source source, QWidget* parent)
    : Page(session, parent), source_(std::move(source)) {
  auto* content = new QWidget(this);
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(14, 10, 14, 8);
  column->setSpacing(6);
  auto* bar = new QHBoxLayout;
  notes_ = new QLabel(content);
  notes_->setObjectName(QStringLiteral("muted"));
  notes_->setWordWrap(true);
  notes_->setTextFormat(Qt::PlainText);
  search_ = new QLineEdit(content);
  search_->setPlaceholderText(QStringLiteral("Show rows that match ( / )"));
  search_->setClearButtonEnabled(true);
  search_->setFixedWidth(280);
  bar->addWidget(notes_, 1);
  bar->addWidget(search_, 0, Qt::AlignTop);
  column->addLayout(bar);
  splitter_ = new QSplitter(Qt::Vertical, content);
  splitter_->setChildrenCollapsible(false);
  for (int i = 0; i < count; ++i) parts_.push_back(createPart(splitter_));
  column->addWidget(splitter_, 1);
  setContent(content);
  setFocusProxy(parts_.back().view);
  connect(search_, &QLineEdit::textChanged, this, &TablePage::applySearch);
  connect(search_, &QLineEdit::returnPressed, this, [this] { parts_.back().view->setFocus(); });
}

TablePage::Part TablePage::createPart(QWidget* parent) {
  Part part;
  part.box = new QWidget(parent);
  auto* column = new QVBoxLayout(part.box);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(4);
  part.title = new QLabel(part.box);
  part.title->setObjectName(QStringLiteral("h2"));
  part.view = new QTableView(part.box);
  part.model = new TableModel(part.view);
  styleTable(part.view, part.model);
  column->addWidget(part.title);
  column->addWidget(part.view, 1);
  connect(part.view, &QTableView::doubleClicked, this, [this] {
    const QString function = selectedFunction();
    if (!function.isEmpty()) session().addChip({FilterChip::kFocus, exactly(function)});
  });
  return part;
}

void TablePage::refresh() {
  using Answer = absl::StatusOr<std::vector<model::Table>>;
  runner().run([query = session().query(),
                source = source_](const analysis::Cancel& cancel) -> Answer { return source(query, cancel); },
               [this](const std::shared_ptr<const Answer>& answer) {
                 if (!answer->ok()) {
                   showError(answer->status());
                   return;
                 }
                 show(std::shared_ptr<const std::vector<model::Table>>(answer, &**answer));
               });
}

void TablePage::show(const std::shared_ptr<const std::vector<model::Table>>& tables) {
  if (std::all_of(tables->begin(), tables->end(),
                  [](const model::Table& table) { return table.rows() == 0; })) {
    showNothing();
    return;
  }
  showContent();
  QStringList notes;
  for (std::size_t i = 0; i < parts_.size() && i < tables->size(); ++i) {
    const model::Table& table = (*tables)[i];
    for (const std::string& note : table.notes) notes << QString::fromStdString(note);
    QString title = QString::fromStdString(table.title);
    if (table.rows() > 30)
      title += QStringLiteral("  (%1 rows)").arg(formatCount(static_cast<double>(table.rows())));
    parts_[i].title->setText(title);
    setTableOf(parts_[i].view, parts_[i].model, std::shared_ptr<const model::Table>(tables, &table));
  }
  // Short tables above get what they need; the last one takes the rest.
  QList<int> sizes;
  for (std::size_t i = 0; i + 1 < parts_.size(); ++i) {
    const int rows = std::min(parts_[i].model->rowCount(), 10);
    sizes << (rows + 1) * (fontMetrics().height() + 7) + 44;
  }
  int above = 0;
  for (const int size : std::as_const(sizes)) above += size;
  sizes << std::max(200, splitter_->height() - above);
  splitter_->setSizes(sizes);
  notes_->setText(notes.join(u'\n'));
}

void TablePage::startSearch() {
  search_->setFocus();
  search_->selectAll();
}

void TablePage::goUp() {
  search_->clear();
  parts_.back().view->setFocus();
}

void TablePage::applySearch() {
  const QRegularExpression expression(search_->text(), QRegularExpression::CaseInsensitiveOption);
  if (!expression.isValid()) {
    Q_EMIT notice(expression.errorString());
    return;
  }
  for (const Part& part : parts_) {
    static_cast<TableSorter*>(part.view->model())->setFilterRegularExpression(expression);
  }
}

const TablePage::Part& TablePage::current() const {
  for (const Part& part : parts_) {
    if (part.view->hasFocus()) return part;
  }
  return parts_.back();
}

QString TablePage::selectedFunction() const {
  const Part& part = current();
  const QModelIndex row = part.view->currentIndex();
  const int column = part.model->functionColumn();
  return !row.isValid() || column < 0 ? QString() : row.siblingAtColumn(column).data().toString();
}

QString TablePage::selectionAsTsv() const {
  return selectedRowsAsTsv(*current().view);
}

std::shared_ptr<const model::Table> TablePage::exportTable() const {
  return current().model->table();
}

namespace {

void dropColumn(model::Table& table, const char* id) {
  table.columns.erase(std::remove_if(table.columns.begin(), table.columns.end(),
                                     [id](const model::Column& column) { return column.id == id; }),
                      table.columns.end());
}

// The command line's table without what says nothing here: shares of the baseline's total, which can be 588%,
// and a column of nothing.
void readable(model::Table& top, bool isDiff) {
  for (model::Column& column : top.columns) {
    // With a baseline both are differences, whose sign is the message.
    if (column.id == "flat" || column.id == "cum") column.isSigned = isDiff;
  }
  const model::Column* inlined = top.find("inline_state");
  if (inlined != nullptr && std::all_of(inlined->texts.begin(), inlined->texts.end(),
                                        [](const std::string& text) { return text.empty(); })) {
    dropColumn(top, "inline_state");
  }
  if (!isDiff) return;
  for (const char* id : {"flat_fraction", "sum_fraction", "cum_fraction"}) dropColumn(top, id);
}

// What the dump could not know comes first: it is what a reader must not miss.
void unknownFirst(model::Table& info) {
  const model::Column* group = info.find("group");
  if (group == nullptr) return;
  std::vector<std::size_t> order(info.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_partition(order.begin(), order.end(),
                        [&](std::size_t row) { return group->texts[row] == "could not know"; });
  for (model::Column& column : info.columns) {
    std::vector<std::string> texts;
    for (const std::size_t row : order) texts.push_back(column.texts[row]);
    column.texts = std::move(texts);
  }
}

}  // namespace

Page* createFunctionsPage(Session& session, QWidget* parent) {
  return new TablePage(
      session, 2,
      [](const model::Query& query,
         const analysis::Cancel& cancel) -> absl::StatusOr<std::vector<model::Table>> {
        absl::StatusOr<model::Table> owners = analysis::owners(query, cancel);
        if (!owners.ok()) return owners.status();
        absl::StatusOr<analysis::TopResult> top = analysis::top(query, cancel);
        if (!top.ok()) return top.status();
        readable(top->table, query.baseline != nullptr);
        return std::vector<model::Table>{*std::move(owners), std::move(top->table)};
      },
      parent);
}

Page* createComparePage(Session& session, QWidget* parent) {
  return new TablePage(
      session, 2,
      [](const model::Query& query,
         const analysis::Cancel& cancel) -> absl::StatusOr<std::vector<model::Table>> {
        absl::StatusOr<model::Table> totals = analysis::diffTotals(query);
        if (!totals.ok()) return totals.status();
        absl::StatusOr<model::Table> stacks = analysis::diffStacks(query, cancel);
        if (!stacks.ok()) return stacks.status();
        return std::vector<model::Table>{*std::move(totals), *std::move(stacks)};
      },
      parent);
}

Page* createInfoPage(Session& session, QWidget* parent) {
  return new TablePage(
      session, 1,
      [](const model::Query& query, const analysis::Cancel&) -> absl::StatusOr<std::vector<model::Table>> {
        absl::StatusOr<model::Table> info = analysis::info(query.snapshot);
        if (!info.ok()) return info.status();
        unknownFirst(*info);
        return std::vector<model::Table>{*std::move(info)};
      },
      parent);
}

}  // namespace heapprof::gui

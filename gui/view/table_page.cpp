#include "gui/view/table_page.h"

#include <QEvent>
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
#include "gui/view/command_box.h"
#include "gui/view/histogram_strip.h"
#include "gui/view/table_style.h"
#include "profiler/analysis/against_base.h"
#include "profiler/model/units.h"

namespace heapprof::gui {

TablePage::TablePage(Session& session, Layout layout, Source source, QWidget* parent)
    : Page(session, parent), layout_(std::move(layout)), source_(std::move(source)) {
  auto* content = new QWidget(this);
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(14, 10, 14, 8);
  column->setSpacing(6);
  search_ = new QLineEdit(content);
  search_->setPlaceholderText(QStringLiteral("Show rows that match ( / )"));
  search_->setClearButtonEnabled(true);
  search_->setMinimumWidth(90);
  search_->setMaximumWidth(230);
  splitter_ = new QSplitter(Qt::Vertical, content);
  splitter_->setChildrenCollapsible(false);
  for (const int count : layout_.perLine) {
    auto* line = count == 1 ? splitter_ : new QSplitter(Qt::Horizontal, splitter_);
    for (int i = 0; i < count; ++i) parts_.push_back(createPart(line));
    if (count > 1) line->setChildrenCollapsible(false);
  }
  Part& topRight = parts_[static_cast<std::size_t>(layout_.perLine.front()) - 1];
  topRight.head->addWidget(search_, 2);
  column->addWidget(splitter_, 1);
  setContent(content);
  setFocusProxy(parts_[layout_.main].view);
  connect(search_, &QLineEdit::textChanged, this, &TablePage::applySearch);
  connect(search_, &QLineEdit::returnPressed, this, [this] { parts_[layout_.main].view->setFocus(); });
}

TablePage::Part TablePage::createPart(QWidget* parent) {
  Part part;
  part.box = new QWidget(parent);
  auto* column = new QVBoxLayout(part.box);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(4);
  part.title = new ElidedLabel(part.box);
  part.title->setObjectName(QStringLiteral("h2"));
  part.notes = new QLabel(part.box);
  part.notes->setObjectName(QStringLiteral("muted"));
  part.notes->setWordWrap(true);
  part.notes->setTextFormat(Qt::PlainText);
  part.notes->hide();
  part.view = new QTableView(part.box);
  part.model = new TableModel(part.view);
  styleTable(part.view, part.model, &session());
  part.head = new QHBoxLayout;
  part.head->addWidget(part.title, 3);
  part.head->addStrut(search_->sizeHint().height());  // tables side by side begin at one height
  column->addLayout(part.head);
  column->addWidget(part.notes);
  column->addWidget(part.view, 1);
  column->addStretch(0);  // where a table without rows is not shown
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
  for (std::size_t i = 0; i < parts_.size() && i < tables->size(); ++i) {
    const model::Table& table = (*tables)[i];
    QStringList notes;
    for (const std::string& note : table.notes) notes << QString::fromStdString(note);
    // A table without rows is an empty box that says nothing.
    if (table.rows() == 0 && notes.isEmpty()) notes << QStringLiteral("none");
    parts_[i].view->setVisible(table.rows() > 0);
    parts_[i].notes->setText(notes.join(u'\n'));
    parts_[i].notes->setVisible(!notes.isEmpty());
    QString title = QString::fromStdString(table.title);
    if (table.rows() > 30)
      title += QStringLiteral("  (%1 rows)").arg(formatCount(static_cast<double>(table.rows())));
    parts_[i].title->setText(title);
    parts_[i].title->setToolTip(title);
    setTableOf(parts_[i].view, parts_[i].model, std::shared_ptr<const model::Table>(tables, &table),
               {"id", "help"});
  }
  if (strip_ != nullptr) {
    std::vector<std::shared_ptr<const model::Table>> histograms;
    for (std::size_t i = parts_.size(); i < tables->size(); ++i) {
      histograms.emplace_back(tables, &(*tables)[i]);
    }
    strip_->setTables(std::move(histograms));
  }
  shareHeight();
  placeStrip();
}

void TablePage::addStrip(std::size_t under) {
  const Part& part = parts_[under];
  stripUnder_ = under;
  strip_ = new HistogramStrip(part.box);
  strip_->hide();
  part.box->layout()->addWidget(strip_);
  part.box->installEventFilter(this);
}

// The table keeps the height of all of its rows.
void TablePage::placeStrip() {
  if (strip_ == nullptr) return;
  const Part& part = parts_[stripUnder_];
  const int rows = part.model->rowCount();
  const int rowHeight = fontMetrics().height() + 7;
  const int table = rows > 0 ? (rows + 1) * rowHeight + 6 : 0;
  const int above = part.view->y();
  strip_->setVisible(strip_->hasBars() && part.box->height() >= above + table + strip_->sizeHint().height());
}

bool TablePage::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::Resize) placeStrip();
  return Page::eventFilter(watched, event);
}

// Short tables get what they need, the main one the rest; where that is more than its rows fill, tables that
// scroll get it.
void TablePage::shareHeight() {
  constexpr int kMostRows = 9;
  constexpr int kLeastOfMain = 200;
  const int rowHeight = fontMetrics().height() + 7;
  QList<int> sizes, wants;
  int others = 0;
  qsizetype mainLine = 0;
  std::size_t part = 0;
  for (const int count : layout_.perLine) {
    int rows = 0;
    int noted = 0;
    for (int i = 0; i < count; ++i, ++part) {
      rows = std::max(rows, parts_[part].model->rowCount());
      const QLabel& notes = *parts_[part].notes;
      if (!notes.text().isEmpty())
        noted = std::max(noted, notes.heightForWidth(std::max(200, parts_[part].box->width())) + 4);
      if (part == layout_.main) mainLine = sizes.size();
    }
    sizes << (std::min(rows, kMostRows) + 1) * rowHeight + 50 + noted;
    wants << std::max(0, rows - kMostRows) * rowHeight;
    others += sizes.back();
  }
  others -= sizes[mainLine];
  const int least = parts_[layout_.main].model->rowCount() > 0 ? kLeastOfMain : 0;
  const int needed = std::max(least, sizes[mainLine] + wants[mainLine]);
  int spare = std::max(0, splitter_->height() - others - needed);
  for (qsizetype line = 0; line < sizes.size(); ++line) {
    const int more = line == mainLine ? 0 : std::min(spare, wants[line]);
    sizes[line] += more;
    others += more;
    spare -= more;
  }
  sizes[mainLine] = std::max(least, splitter_->height() - others);
  splitter_->setSizes(sizes);
}

void TablePage::startSearch() {
  search_->setFocus();
  search_->selectAll();
}

void TablePage::goUp() {
  search_->clear();
  parts_[layout_.main].view->setFocus();
}

void TablePage::applySearch() {
  const QRegularExpression expression(search_->text(), QRegularExpression::CaseInsensitiveOption);
  if (!expression.isValid()) {
    Q_EMIT notice(expression.errorString());
    return;
  }
  for (const Part& part : parts_) {
    filterTable(part.view, expression);
  }
}

const TablePage::Part& TablePage::current() const {
  for (const Part& part : parts_) {
    if (part.view->hasFocus()) return part;
  }
  return parts_[layout_.main];
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

void keepColumns(model::Table& table, std::initializer_list<const char*> ids) {
  std::erase_if(table.columns, [&](const model::Column& column) {
    return std::none_of(ids.begin(), ids.end(), [&](const char* id) { return column.id == id; });
  });
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

Page* createComparePage(Session& session, QWidget* parent) {
  return new TablePage(
      session, {{1, 1}, 1},
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

Page* createFragmentationPage(Session& session, QWidget* parent) {
  return new TablePage(
      session, {{2, 1, 2}, 2},
      [](const model::Query& query,
         const analysis::Cancel& cancel) -> absl::StatusOr<std::vector<model::Table>> {
        absl::StatusOr<analysis::FragResult> now =
            analysis::againstBase(analysis::fragmentation, query, cancel);
        if (!now.ok()) return now.status();
        // What a table has besides is in the command line's; here five stand side by side.
        keepColumns(now->occupancy,
                    {"full", "count", "change", "slab_free", query.baseline ? "change" : "page_free"});
        keepColumns(now->stacks, {"change", "pins", "comes_back", "holds", "objects", "owner", "stack"});
        keepColumns(now->classes, {"change", "class_size", "free", "slack", "live_fraction", "slabs"});
        keepColumns(now->pages, {"start", "free", "live_fraction", "owner_share", "owner"});
        now->levels.notes.insert(now->levels.notes.begin(),
                                 "The heap has " + model::bytesText(now->resident) + " resident, " +
                                     model::bytesText(now->live) + " of it live objects.");
        return std::vector<model::Table>{std::move(now->levels), std::move(now->occupancy),
                                         std::move(now->stacks), std::move(now->classes),
                                         std::move(now->pages)};
      },
      parent);
}

Page* createInfoPage(Session& session, QWidget* parent) {
  return new TablePage(
      session, {{1}, 0},
      [](const model::Query& query, const analysis::Cancel&) -> absl::StatusOr<std::vector<model::Table>> {
        absl::StatusOr<model::Table> info = analysis::info(query.snapshot);
        if (!info.ok()) return info.status();
        unknownFirst(*info);
        return std::vector<model::Table>{*std::move(info)};
      },
      parent);
}

}  // namespace heapprof::gui

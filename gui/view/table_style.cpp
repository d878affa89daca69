#include "gui/view/table_style.h"

#include <QHeaderView>
#include <QPainter>
#include <QScrollBar>
#include <QStringTokenizer>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QTreeView>
#include <algorithm>

#include "gui/model/call_tree_model.h"
#include "gui/model/row_order_model.h"
#include "gui/model/table_model.h"
#include "gui/view/name_fit.h"
#include "gui/view/theme.h"

namespace heapprof::gui {
namespace {

class FigureDelegate final : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

 public:
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    QStyleOptionViewItem cell = option;
    initStyleOption(&cell, index);
    const QVariant sign = index.data(kSignRole);
    QColor color;
    if (!index.data(kKnownRole).toBool())
      color = theme().muted;
    else if (sign.isValid() && sign.toInt() > 0)
      color = theme().more;
    else if (sign.isValid() && sign.toInt() < 0)
      color = theme().less;
    if (color.isValid()) cell.palette.setColor(QPalette::Text, color);
    if (index.row() > 0 && index.data(kGroupRole).toBool() &&
        index.siblingAtRow(index.row() - 1).data() == index.data()) {
      cell.text.clear();  // said once for all rows in a row
    }
    const QStyle* style = cell.widget->style();
    drawBar(*painter, cell, index.data(kBarRole));
    if (index.data(kFunctionRole).toBool()) {
      const int margin = style->pixelMetric(QStyle::PM_FocusFrameHMargin, nullptr, cell.widget) + 1;
      fitText(cell, cell.rect.width() - 2 * margin);
    } else {
      cell.textElideMode = Qt::ElideRight;  // sentences and figures are read from the left
      if (index.data(kCodeRole).toBool()) cell.font = monoFont();
    }
    style->drawControl(QStyle::CE_ItemViewItem, &cell, painter, cell.widget);
  }

  // A tree's rows are as high as a table's, whose header sets them. Not the style's measure: it lays out a
  // stack frame by frame, and a hundred stacks to fit a column held the window for tens of milliseconds.
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    constexpr qsizetype kMeasured = 100;  // characters; wider than any column begins
    const QString text = index.data().toString();
    const int margin =
        2 * (option.widget->style()->pixelMetric(QStyle::PM_FocusFrameHMargin, nullptr, option.widget) + 1);
    return {option.fontMetrics.horizontalAdvance(text.left(kMeasured)) + margin + 4,
            option.fontMetrics.height() + 7};
  }

 private:
  static void drawBar(QPainter& painter, const QStyleOptionViewItem& cell, const QVariant& share) {
    if (!share.isValid() || cell.state.testFlag(QStyle::State_Selected)) return;
    QRectF bar = QRectF(cell.rect).adjusted(2, 3, -2, -3);
    bar.setWidth(bar.width() * std::clamp(share.toDouble(), 0.0, 1.0));
    painter.fillRect(bar, mixColors(theme().live, theme().surface, 0.72));
  }

  static void fitText(QStyleOptionViewItem& cell, double room) {
    if (cell.text.contains(
            QChar::LineSeparator)) {    // a stack, leaf first: in one line, its callers to the right
      constexpr double kNarrowest = 2;  // pixels of a letter: what cannot fit is not laid out
      QString line;
      for (const QStringView frame : QStringTokenizer(cell.text, QChar(QChar::LineSeparator))) {
        line += (line.isEmpty() ? QString() : QStringLiteral(" ‹ ")) + shortName(frame.toString());
        if (static_cast<double>(line.size()) * kNarrowest > room) break;
      }
      cell.text = line;
      cell.textElideMode = Qt::ElideRight;
    } else {
      cell.text = fittedName(cell.text, QFontMetricsF(cell.font), room);
    }
  }
};

constexpr int kWidestText = 460;
constexpr int kNarrowestText = 110;

// Figures and short texts get what they need; long texts share the rest by what they would like.
void fitColumns(QTableView* view) {
  const QList<QVariant> wanted = view->property("wanted").toList();
  const auto* model =
      static_cast<const TableModel*>(static_cast<RowOrderModel*>(view->model())->sourceModel());
  if (!model->table() || wanted.size() != model->columnCount()) return;
  std::vector<int> flexible;
  int widest = -1;
  double room = view->viewport()->width();
  double want = 0;
  for (int column = 0; column < wanted.size(); ++column) {
    if (view->isColumnHidden(column)) continue;
    room -= wanted[column].toDouble();
    if (model->table()->columns[static_cast<std::size_t>(column)].unit != model::Unit::kText) continue;
    if (widest < 0 || wanted[column].toInt() >= wanted[widest].toInt()) widest = column;
    if (wanted[column].toInt() <= kNarrowestText) continue;
    flexible.push_back(column);
    want += wanted[column].toDouble();
  }
  if (flexible.empty() && widest >= 0) {
    flexible.push_back(widest);
    want = wanted[widest].toDouble();
  }
  for (int column = 0; column < wanted.size() && widest < 0; ++column) {  // nothing but figures
    if (view->isColumnHidden(column)) continue;
    flexible.push_back(column);
    want += wanted[column].toDouble();
  }
  // The narrow ones first: what they cannot give, the wide ones do.
  std::sort(flexible.begin(), flexible.end(),
            [&](int a, int b) { return wanted[a].toInt() < wanted[b].toInt(); });
  for (const int column : flexible) {
    const double own = wanted[column].toDouble();
    const int least = std::min(kNarrowestText, wanted[column].toInt());
    const int width = std::max(least, static_cast<int>(own + room * own / want));
    view->setColumnWidth(column, width);
    room -= width - own;
    want -= own;
  }
  // Where the columns do not fit, the name goes first: figures that scrolled off are missed, figures of
  // nobody are worth nothing.
  const int function = model->functionColumn();
  if (function < 0) return;
  int all = 0;
  for (int column = 0; column < wanted.size(); ++column) {
    if (!view->isColumnHidden(column)) all += view->columnWidth(column);
  }
  QHeaderView* header = view->horizontalHeader();
  const bool fits = all <= view->viewport()->width();
  if (header->visualIndex(function) == (fits ? function : 0)) return;
  header->moveSection(header->visualIndex(function), fits ? function : 0);
  view->horizontalScrollBar()->setValue(0);  // where it was, another column stands
}

constexpr int kNarrowestName = 150;

// Names take what the figures leave, but never less than what tells one from another.
void fitNames(QTreeView* view) {
  QHeaderView* header = view->header();
  if (header->count() == 0) return;
  int room = view->viewport()->width();
  for (int column = 0; column < header->count(); ++column) {
    if (column != CallTreeModel::kFunction && !view->isColumnHidden(column))
      room -= header->sectionSize(column);
  }
  header->resizeSection(CallTreeModel::kFunction, std::max(room, kNarrowestName));
}

class FitOnResize final : public QObject {
 public:
  using QObject::QObject;
  bool eventFilter(QObject* object, QEvent* event) override {
    if (event->type() == QEvent::Resize) {
      if (auto* table = qobject_cast<QTableView*>(parent()))
        fitColumns(table);
      else
        fitNames(static_cast<QTreeView*>(parent()));
    }
    return QObject::eventFilter(object, event);
  }
};

}  // namespace

void filterTable(QTableView* view, const QRegularExpression& filter) {
  static_cast<RowOrderModel*>(view->model())->setFilter(filter);
}

void styleTable(QTableView* view, TableModel* model, Session* session) {
  view->setModel(new RowOrderModel(model, session, view));
  view->setItemDelegate(new FigureDelegate(view));
  view->setSelectionBehavior(QAbstractItemView::SelectRows);
  view->setSelectionMode(QAbstractItemView::ExtendedSelection);
  view->setEditTriggers(QAbstractItemView::NoEditTriggers);
  view->setAlternatingRowColors(true);
  view->setShowGrid(false);
  view->setWordWrap(false);
  view->setTabKeyNavigation(false);
  view->setCornerButtonEnabled(false);
  view->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  view->verticalHeader()->hide();
  view->verticalHeader()->setDefaultSectionSize(view->fontMetrics().height() + 7);
  view->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  view->horizontalHeader()->setHighlightSections(false);
  view->horizontalHeader()->setResizeContentsPrecision(100);  // of 100,000 rows, the first tell enough
  view->setTextElideMode(Qt::ElideMiddle);                    // a function's name tells most at both ends
  view->viewport()->installEventFilter(new FitOnResize(view));
  view->setSortingEnabled(true);
  view->horizontalHeader()->setSortIndicator(-1, Qt::DescendingOrder);
}

void setTableOf(QTableView* view, TableModel* model, std::shared_ptr<const model::Table> table,
                std::initializer_list<const char*> hiddenColumns) {
  model->setTable(std::move(table));
  if (!model->table()) return;
  QList<QVariant> wanted;
  const QAbstractItemView& cells = *view;
  for (int column = 0; column < model->columnCount(); ++column) {
    view->setColumnHidden(column, false);  // the table before it may have hidden another one there
    // The header's own wish holds room for an arrow that most never show.
    const QString title = model->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
    const int header = view->horizontalHeader()->fontMetrics().horizontalAdvance(title) + 10;
    wanted << std::min(std::max(cells.sizeHintForColumn(column), header) + 4, kWidestText);
    view->setColumnWidth(column, wanted.back().toInt());
  }
  view->setProperty("wanted", wanted);
  for (const char* column : hiddenColumns) {
    if (model->columnOf(column) >= 0) view->setColumnHidden(model->columnOf(column), true);
  }
  fitColumns(view);
}

void styleTree(QTreeView* view, CallTreeModel* model) {
  view->setModel(model);
  view->setItemDelegate(new FigureDelegate(view));
  view->setUniformRowHeights(true);  // or each opened branch would be measured
  view->setAlternatingRowColors(true);
  view->setEditTriggers(QAbstractItemView::NoEditTriggers);
  view->setIndentation(11);  // stacks are deep
  view->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  view->header()->setStretchLastSection(false);
  view->header()->setHighlightSections(false);
  view->viewport()->installEventFilter(new FitOnResize(view));
}

void setTreeOf(QTreeView* view, CallTreeModel* model, std::shared_ptr<const analysis::CallTree> tree,
               const std::vector<int>& hiddenColumns) {
  model->setTree(std::move(tree));
  if (!model->tree() || model->columnCount() == 0) return;
  view->setUpdatesEnabled(false);
  for (const std::uint32_t node : heaviestPath(*model->tree())) view->setExpanded(model->indexOf(node), true);
  view->header()->setSectionResizeMode(QHeaderView::Interactive);
  for (int column = 0; column < model->columnCount(); ++column) {
    view->setColumnHidden(
        column, std::find(hiddenColumns.begin(), hiddenColumns.end(), column) != hiddenColumns.end());
    if (column != CallTreeModel::kFunction) view->resizeColumnToContents(column);
  }
  fitNames(view);
  view->setUpdatesEnabled(true);
}

QString selectedRowsAsTsv(const QTableView& view) {
  const QAbstractItemModel* model = view.model();
  QModelIndexList rows = view.selectionModel()->selectedRows();
  if (rows.isEmpty()) return {};
  std::sort(rows.begin(), rows.end());
  QStringList lines;
  QStringList header;
  for (int column = 0; column < model->columnCount(); ++column) {
    header << model->headerData(column, Qt::Horizontal).toString();
  }
  lines << header.join(u'\t');
  for (const QModelIndex& row : std::as_const(rows)) {
    QStringList cells;
    for (int column = 0; column < model->columnCount(); ++column)
      cells << row.siblingAtColumn(column).data().toString();
    lines << cells.join(u'\t');
  }
  return lines.join(u'\n') + u'\n';
}

}  // namespace heapprof::gui

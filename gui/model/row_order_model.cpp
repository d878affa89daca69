#include "gui/model/row_order_model.h"

#include "gui/model/table_model.h"

namespace heapprof::gui {
namespace {

constexpr std::uint32_t kNoPlace = 0xffffffffu;

}  // namespace

RowOrderModel::RowOrderModel(TableModel* source, Session* session, QObject* parent)
    : QAbstractProxyModel(parent), source_(source) {
  if (session != nullptr) runner_ = std::make_unique<Runner>(*session);
  setSourceModel(source);
  connect(source, &QAbstractItemModel::modelAboutToBeReset, this, [this] { beginResetModel(); });
  connect(source, &QAbstractItemModel::modelReset, this, [this] {
    if (runner_) runner_->cancel();
    const std::size_t count = source_->table() ? source_->table()->rows() : 0;
    const bool asItStands = count > kAtOnce || count == 0;  // the worker brings its order later
    rows_ = asItStands ? std::vector<std::uint32_t>() : orderRows(*source_->table(), order_);
    if (asItStands) {
      rows_.resize(count);
      for (std::uint32_t row = 0; row < count; ++row) rows_[row] = row;
    }
    places_ = placesOf(rows_);
    endResetModel();
    if (asItStands && (order_.column >= 0 || !order_.filter.pattern().isEmpty())) reorder();
  });
}

void RowOrderModel::setFilter(const QRegularExpression& filter) {
  if (filter == order_.filter) return;
  order_.filter = filter;
  reorder();
}

void RowOrderModel::sort(int column, Qt::SortOrder order) {
  order_.column = column;
  order_.descending = order == Qt::DescendingOrder;
  reorder();
}

void RowOrderModel::reorder() {
  const std::shared_ptr<const model::Table> table = source_->table();
  if (!table) return;
  if (!runner_ || table->rows() <= kAtOnce) {
    take(orderRows(*table, order_));
    return;
  }
  runner_->run(
      [table, order = order_](const analysis::Cancel& cancel) { return orderRows(*table, order, cancel); },
      [this](const std::shared_ptr<const std::vector<std::uint32_t>>& rows) { take(*rows); });
}

// The same rows in another order keep selection and place; other rows are another model.
void RowOrderModel::take(std::vector<std::uint32_t> rows) {
  const bool sameRows = rows.size() == rows_.size() && order_.filter.pattern().isEmpty();
  if (!sameRows) {
    beginResetModel();
    rows_ = std::move(rows);
    places_ = placesOf(rows_);
    endResetModel();
    return;
  }
  Q_EMIT layoutAboutToBeChanged();
  const QModelIndexList before = persistentIndexList();
  const std::vector<std::uint32_t> old = std::move(rows_);
  rows_ = std::move(rows);
  places_ = placesOf(rows_);
  QModelIndexList after;
  for (const QModelIndex& at : before) {
    const std::uint32_t place = places_[old[static_cast<std::size_t>(at.row())]];
    after << (place == kNoPlace ? QModelIndex() : createIndex(static_cast<int>(place), at.column()));
  }
  changePersistentIndexList(before, after);
  Q_EMIT layoutChanged();
}

std::vector<std::uint32_t> RowOrderModel::placesOf(const std::vector<std::uint32_t>& rows) const {
  std::vector<std::uint32_t> places(source_->table() ? source_->table()->rows() : 0, kNoPlace);
  for (std::uint32_t place = 0; place < rows.size(); ++place) places[rows[place]] = place;
  return places;
}

QModelIndex RowOrderModel::mapToSource(const QModelIndex& index) const {
  if (!index.isValid() || static_cast<std::size_t>(index.row()) >= rows_.size()) return {};
  return source_->index(static_cast<int>(rows_[static_cast<std::size_t>(index.row())]), index.column());
}

QModelIndex RowOrderModel::mapFromSource(const QModelIndex& index) const {
  if (!index.isValid() || static_cast<std::size_t>(index.row()) >= places_.size()) return {};
  const std::uint32_t place = places_[static_cast<std::size_t>(index.row())];
  return place == kNoPlace ? QModelIndex() : createIndex(static_cast<int>(place), index.column());
}

QModelIndex RowOrderModel::index(int row, int column, const QModelIndex& parent) const {
  return hasIndex(row, column, parent) ? createIndex(row, column) : QModelIndex();
}

int RowOrderModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

int RowOrderModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : source_->columnCount();
}

QVariant RowOrderModel::headerData(int section, Qt::Orientation orientation, int role) const {
  return source_->headerData(section, orientation, role);
}

}  // namespace heapprof::gui

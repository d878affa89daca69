// How every table of the explorer looks and behaves: rows selected whole, sorting with unknown last, signed
// figures in the colours of change, long text cut with its full form in the tooltip.
#pragma once

#include <QSortFilterProxyModel>
#include <initializer_list>
#include <memory>

#include "profiler/model/table.h"

class QTableView;

namespace heapprof::gui {

class TableModel;

// Sorts by the figures, not by their texts; unknown cells come last in both directions.
class TableSorter final : public QSortFilterProxyModel {
  Q_OBJECT

 public:
  using QSortFilterProxyModel::QSortFilterProxyModel;

 protected:
  bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;
};

// Puts a TableSorter between model and view and sets the look; call once.
void styleTable(QTableView* view, TableModel* model);
// A new result: column widths fit its figures, the first text column takes what is left.
void setTableOf(QTableView* view, TableModel* model, std::shared_ptr<const model::Table> table,
                std::initializer_list<const char*> hiddenColumns = {});

// The selected rows with a header line, tab separated; "" without a selection.
QString selectedRowsAsTsv(const QTableView& view);

}  // namespace heapprof::gui

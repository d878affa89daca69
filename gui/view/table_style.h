// How every table of the explorer looks and behaves: rows selected whole, sorting with unknown last, signed
// figures in the colours of change, long text cut with its full form in the tooltip.
#pragma once

#include <initializer_list>
#include <memory>
#include <vector>

#include "profiler/analysis/analyses.h"
#include "profiler/model/table.h"

class QRegularExpression;
class QString;
class QTableView;
class QTreeView;

namespace heapprof::gui {

class CallTreeModel;
class Session;
class TableModel;

// Puts a RowOrderModel between model and view and sets the look; call once. With a session long tables are
// sorted on a worker.
void styleTable(QTableView* view, TableModel* model, Session* session = nullptr);
// Rows in which the text matches.
void filterTable(QTableView* view, const QRegularExpression& filter);
// A new result: column widths fit its figures, the first text column takes what is left.
void setTableOf(QTableView* view, TableModel* model, std::shared_ptr<const model::Table> table,
                std::initializer_list<const char*> hiddenColumns = {});

// The same look for a call tree: its functions take the room that the figures leave.
void styleTree(QTreeView* view, CallTreeModel* model);
// A new tree: figures as wide as they need, the heaviest path open.
void setTreeOf(QTreeView* view, CallTreeModel* model, std::shared_ptr<const analysis::CallTree> tree,
               const std::vector<int>& hiddenColumns);

// The selected rows with a header line, tab separated; "" without a selection.
QString selectedRowsAsTsv(const QTableView& view);

}  // namespace heapprof::gui

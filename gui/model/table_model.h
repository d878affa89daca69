// A model::Table as Qt sees it: figures with unit and sign, "unknown" where the dump does not know, the
// standard error and the exact figure in the tooltip, the column's help in its header's tooltip.
//
// Invariant: the table never changes; a new result is a model reset. Owner and thread: the view's (GUI
// thread).
#pragma once

#include <QAbstractTableModel>
#include <memory>

#include "profiler/model/table.h"

namespace heapprof::gui {

enum TableRole : int {
  kSortRole = Qt::UserRole + 1,  // double or string; invalid for unknown cells, which sort last both ways
  kSignRole,                     // -1, 0, 1 in signed columns; invalid in others
  kKnownRole,                    // bool
  kFunctionRole,                 // bool: a function's name or a stack, which may be shortened as such
  kGroupRole,                    // bool: names the group of its rows, and is written once for all of them
  kBarRole,                      // 0 to 1: a part of a whole, drawn as a bar as well; invalid in others
  kCodeRole,                     // bool: source text, of even width
  kRawRole,                      // double or string as computed, for CSV
};

class TableModel final : public QAbstractTableModel {
  Q_OBJECT

 public:
  explicit TableModel(QObject* parent = nullptr);

  void setTable(std::shared_ptr<const model::Table> table);
  const std::shared_ptr<const model::Table>& table() const { return table_; }
  int columnOf(const char* columnId) const;  // -1: none
  int functionColumn() const;                // whose cells filters can take; -1: none

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  QVariant sortKey(const model::Column& column, std::size_t row) const;
  std::shared_ptr<const model::Table> table_;
};

// The whole table as CSV (RFC 4180): ids as header, raw values, empty where unknown.
QString tableAsCsv(const model::Table& table);

}  // namespace heapprof::gui

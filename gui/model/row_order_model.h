// The rows of a TableModel sorted and searched. A table of many rows is ordered on a worker, and what was
// shown stays until the new order is there, so that neither a click on a header nor a key in the search box
// holds the window.
//
// Invariant: rows_ are rows of the source's table, each at most once. Without a session everything is done at
// once. Owner and thread: the view's (GUI thread).
#pragma once

#include <QAbstractProxyModel>
#include <memory>
#include <vector>

#include "gui/model/row_order.h"
#include "gui/model/runner.h"

namespace heapprof::gui {

class Session;
class TableModel;

class RowOrderModel final : public QAbstractProxyModel {
  Q_OBJECT

 public:
  static constexpr std::size_t kAtOnce = 5000;  // rows; more are ordered on a worker

  RowOrderModel(TableModel* source, Session* session, QObject* parent);

  void setFilter(const QRegularExpression& filter);
  void sort(int column, Qt::SortOrder order) override;

  QModelIndex mapToSource(const QModelIndex& index) const override;
  QModelIndex mapFromSource(const QModelIndex& index) const override;
  QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
  QModelIndex parent(const QModelIndex&) const override { return {}; }
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  bool hasChildren(const QModelIndex& parent = {}) const override { return rowCount(parent) > 0; }
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  void reorder();
  void take(std::vector<std::uint32_t> rows);
  std::vector<std::uint32_t> placesOf(const std::vector<std::uint32_t>& rows) const;

  TableModel* source_;
  std::unique_ptr<Runner> runner_;
  RowOrder order_;
  std::vector<std::uint32_t> rows_;
  std::vector<std::uint32_t> places_;  // of a source row in rows_, or kNoPlace
};

}  // namespace heapprof::gui

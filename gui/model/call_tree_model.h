// A call tree as Qt sees it: rows that open into callers or callees, with figures as in tables. With a
// baseline the figures are changes.
//
// Invariant: the tree never changes; a new result is a model reset. Row r of a node is its r-th child,
// heaviest first; nothing is copied, so a tree of a million nodes costs what is opened. Owner and thread: the
// view's (GUI thread).
#pragma once

#include <QAbstractItemModel>
#include <memory>

#include "profiler/analysis/analyses.h"

namespace heapprof::gui {

class CallTreeModel final : public QAbstractItemModel {
  Q_OBJECT

 public:
  // The last ones stand with a baseline only.
  enum Column : int { kFunction, kTotal, kShare, kSelf, kBase, kNew, kColumns };

  explicit CallTreeModel(QObject* parent = nullptr);

  void setTree(std::shared_ptr<const analysis::CallTree> tree);
  const std::shared_ptr<const analysis::CallTree>& tree() const { return tree_; }

  QModelIndex indexOf(std::uint32_t node) const;  // the root has none
  std::uint32_t nodeOf(const QModelIndex& index) const;
  QString nameOf(std::uint32_t node) const;

  QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
  QModelIndex parent(const QModelIndex& index) const override;
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  double valueOf(const analysis::CallTree::Node& node, int column) const;
  QString textOf(const analysis::CallTree::Node& node, int column) const;
  bool isSigned(int column) const;

  std::shared_ptr<const analysis::CallTree> tree_;
};

// The chain from the root that carries most: each next node while it holds at least half of the one before.
std::vector<std::uint32_t> heaviestPath(const analysis::CallTree& tree);

}  // namespace heapprof::gui

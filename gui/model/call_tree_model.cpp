#include "gui/model/call_tree_model.h"

#include <cmath>

#include "gui/model/table_model.h"
#include "gui/model/tree_pivot.h"
#include "gui/model/units.h"

namespace heapprof::gui {

using analysis::CallTree;
using Node = CallTree::Node;

namespace {

struct ColumnText {
  const char* title;
  const char* titleOfChange;  // with a baseline
  const char* help;
};

constexpr ColumnText kTexts[CallTreeModel::kColumns] = {
    {"Function", "Function", "opens into the functions above or below it"},
    {"Total", "Change", "of it and all that it calls, on this path"},
    {"Share", "Share", "of the whole tree"},
    {"Own", "Own change", "of what it allocates itself, on this path"},
    {"Base", "Base", "the total in the baseline"},
    {"New", "New", "the total in the dump in front"},
};

}  // namespace

CallTreeModel::CallTreeModel(QObject* parent) : QAbstractItemModel(parent) {}

void CallTreeModel::setTree(std::shared_ptr<const CallTree> tree) {
  beginResetModel();
  tree_ = std::move(tree);
  endResetModel();
}

QModelIndex CallTreeModel::indexOf(std::uint32_t node) const {
  if (!tree_ || node == 0 || node >= tree_->nodes.size()) return {};
  const Node& parent = tree_->nodes[tree_->nodes[node].parent];
  return createIndex(static_cast<int>(node - parent.firstChild), 0, quintptr{node});
}

std::uint32_t CallTreeModel::nodeOf(const QModelIndex& index) const {
  return index.isValid() ? static_cast<std::uint32_t>(index.internalId()) : 0;
}

QString CallTreeModel::nameOf(std::uint32_t node) const {
  if (!tree_ || node >= tree_->nodes.size()) return {};
  return QString::fromStdString(tree_->names[tree_->nodes[node].name]);
}

QModelIndex CallTreeModel::index(int row, int column, const QModelIndex& parent) const {
  if (!hasIndex(row, column, parent)) return {};
  return createIndex(row, column,
                     quintptr{tree_->nodes[nodeOf(parent)].firstChild + static_cast<std::uint32_t>(row)});
}

QModelIndex CallTreeModel::parent(const QModelIndex& index) const {
  return index.isValid() ? indexOf(tree_->nodes[nodeOf(index)].parent) : QModelIndex();
}

int CallTreeModel::rowCount(const QModelIndex& parent) const {
  if (!tree_ || tree_->nodes.empty() || parent.column() > 0) return 0;
  return static_cast<int>(tree_->nodes[nodeOf(parent)].childCount);
}

int CallTreeModel::columnCount(const QModelIndex&) const {
  if (!tree_) return 0;
  return tree_->hasBaseline ? kColumns : kBase;
}

bool CallTreeModel::isSigned(int column) const {
  return tree_->hasBaseline && (column == kTotal || column == kSelf);
}

double CallTreeModel::valueOf(const Node& node, int column) const {
  const bool asChange = tree_->hasBaseline;
  switch (column) {
    case kTotal:
      return asChange ? node.total - node.baseTotal : node.total;
    case kSelf:
      return asChange ? node.self - node.baseSelf : node.self;
    case kShare: {
      const double whole = weightOf(*tree_, tree_->nodes[0]);
      return whole > 0 ? weightOf(*tree_, node) / whole : 0;
    }
    case kBase:
      return node.baseTotal;
    case kNew:
      return node.total;
    default:
      return 0;
  }
}

QString CallTreeModel::textOf(const Node& node, int column) const {
  if (column == kFunction) return QString::fromStdString(tree_->names[node.name]);
  if (column == kShare) return formatFraction(valueOf(node, column));
  return formatValue(unitFromName(QString::fromStdString(tree_->unit)), valueOf(node, column),
                     isSigned(column));
}

QVariant CallTreeModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const Node& node = tree_->nodes[nodeOf(index)];
  const int column = index.column();
  switch (role) {
    case Qt::DisplayRole:
      return textOf(node, column);
    case Qt::ToolTipRole: {
      if (column == kFunction) {
        const QString module = QString::fromStdString(tree_->modules[node.module]);
        return textOf(node, column) + (module.isEmpty() ? QString() : QStringLiteral("\nin ") + module);
      }
      const model::Unit unit =
          column == kShare ? model::Unit::kFraction : unitFromName(QString::fromStdString(tree_->unit));
      return formatExact(unit, valueOf(node, column), isSigned(column)) + u'\n' +
             QString::fromUtf8(kTexts[column].help);
    }
    case Qt::TextAlignmentRole:
      return QVariant::fromValue(Qt::AlignVCenter | (column == kFunction ? Qt::AlignLeft : Qt::AlignRight));
    case kSignRole: {
      if (!isSigned(column)) return {};
      const double value = valueOf(node, column);
      return value > 0 ? 1 : value < 0 ? -1 : 0;
    }
    case kKnownRole:
      return true;
    case kFunctionRole:
      return column == kFunction;
    case kGroupRole:
      return false;
    case kSortRole:
    case kRawRole:
      return column == kFunction ? QVariant(textOf(node, column)) : QVariant(valueOf(node, column));
    default:
      return {};
  }
}

QVariant CallTreeModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= columnCount()) return {};
  const ColumnText& text = kTexts[section];
  switch (role) {
    case Qt::DisplayRole:
      return QString::fromUtf8(tree_->hasBaseline ? text.titleOfChange : text.title);
    case Qt::ToolTipRole:
      return QString::fromUtf8(text.help);
    case Qt::TextAlignmentRole:
      return QVariant::fromValue(Qt::AlignVCenter | (section == kFunction ? Qt::AlignLeft : Qt::AlignRight));
    default:
      return {};
  }
}

std::vector<std::uint32_t> heaviestPath(const CallTree& tree) {
  constexpr std::size_t kDeepest = 64;
  std::vector<std::uint32_t> path;
  for (std::uint32_t at = 0;
       !tree.nodes.empty() && tree.nodes[at].childCount > 0 && path.size() < kDeepest;) {
    const std::uint32_t next = tree.nodes[at].firstChild;
    if (at != 0 && weightOf(tree, tree.nodes[next]) < weightOf(tree, tree.nodes[at]) / 2) break;
    path.push_back(next);
    at = next;
  }
  return path;
}

}  // namespace heapprof::gui

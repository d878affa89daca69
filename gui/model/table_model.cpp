#include "gui/model/table_model.h"

#include <cmath>

#include "gui/model/units.h"

namespace heapprof::gui {
namespace {

using model::Column;
using model::Unit;

QString cellText(const Column& column, std::size_t row) {
  if (column.isBlank(row)) return {};
  if (!column.isKnown(row)) return QStringLiteral("unknown");
  if (column.unit == Unit::kText) return QString::fromStdString(column.texts[row]);
  // A change without its error is read as a fact; so is what a few samples say of one huge page.
  const bool isChange =
      column.id == "change" || column.id == "growth" || column.id == "rate" || column.id == "bytes";
  const bool hasError = row < column.standardError.size() && column.standardError[row] > 0;
  if (isChange && hasError && (column.unit == Unit::kBytes || column.unit == Unit::kBytesPerSecond)) {
    return formatWithError(column.unit, column.values[row], column.standardError[row], column.isSigned);
  }
  return formatValue(column.unit, column.values[row], column.isSigned);
}

QString cellToolTip(const Column& column, std::size_t row) {
  const QString help = QString::fromStdString(column.help);
  if (column.isBlank(row)) return help;
  if (!column.isKnown(row)) {
    return QStringLiteral("unknown: the dump does not carry this figure.\n") + help;
  }
  if (column.unit == Unit::kText) return QString::fromStdString(column.texts[row]);
  QString text = formatExact(column.unit, column.values[row], column.isSigned);
  if (row < column.standardError.size() && !std::isnan(column.standardError[row])) {
    text += QStringLiteral("\nstandard error %1 (from sampling)")
                .arg(formatValue(column.unit, column.standardError[row]));
  }
  return help.isEmpty() ? text : text + u'\n' + help;
}

// Their texts are shortened as names are; others are sentences and figures, of which "(default)" is no
// argument.
bool holdsFunctions(const model::Table& table, const Column& column) {
  if (column.id == "owner" || column.id == "stack") return true;
  return column.id == "name" &&
         (table.id == "top" || table.id == "owners" || table.id == "functions" || table.id == "unit_owners");
}

QString csvField(QString text) {
  if (!text.contains(u',') && !text.contains(u'"') && !text.contains(u'\n')) return text;
  text.replace(QLatin1String("\""), QLatin1String("\"\""));
  return u'"' + text + u'"';
}

}  // namespace

TableModel::TableModel(QObject* parent) : QAbstractTableModel(parent) {}

void TableModel::setTable(std::shared_ptr<const model::Table> table) {
  beginResetModel();
  table_ = std::move(table);
  endResetModel();
}

int TableModel::columnOf(const char* columnId) const {
  if (!table_) return -1;
  for (std::size_t i = 0; i < table_->columns.size(); ++i) {
    if (table_->columns[i].id == columnId) return static_cast<int>(i);
  }
  return -1;
}

int TableModel::functionColumn() const {
  for (const char* id : {"name", "owner"}) {
    const int at = columnOf(id);
    if (at >= 0 && holdsFunctions(*table_, table_->columns[static_cast<std::size_t>(at)])) return at;
  }
  return -1;
}

int TableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() || !table_ ? 0 : static_cast<int>(table_->rows());
}

int TableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() || !table_ ? 0 : static_cast<int>(table_->columns.size());
}

QVariant TableModel::sortKey(const Column& column, std::size_t row) const {
  if (!column.isKnown(row)) return {};
  if (column.unit == Unit::kText) return QString::fromStdString(column.texts[row]);
  return column.values[row];
}

QVariant TableModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
  const Column& column = table_->columns[static_cast<std::size_t>(index.column())];
  const auto row = static_cast<std::size_t>(index.row());
  switch (role) {
    case Qt::DisplayRole:
      return cellText(column, row);
    case Qt::ToolTipRole: {
      const Column* help = table_->find("help");  // what the row as a whole means
      const QString text = cellToolTip(column, row);
      return help == nullptr ? text : text + u'\n' + QString::fromStdString(help->texts[row]);
    }
    case Qt::TextAlignmentRole:
      return QVariant::fromValue(Qt::AlignVCenter |
                                 (column.unit == Unit::kText ? Qt::AlignLeft : Qt::AlignRight));
    case kSortRole:
    case kRawRole:
      return sortKey(column, row);
    case kSignRole:
      if (!column.isSigned || column.unit == Unit::kText || !column.isKnown(row)) return {};
      // A colour claims a change: what is within twice its error is none.
      if (row < column.standardError.size() && std::fabs(column.values[row]) <= 2 * column.standardError[row])
        return 0;
      return column.values[row] > 0 ? 1 : column.values[row] < 0 ? -1 : 0;
    case kKnownRole:
      return column.isKnown(row);
    case kGroupRole:
      return column.id == "group";
    case kBarRole:
      if (column.unit != Unit::kFraction || column.isSigned || !column.isKnown(row)) return {};
      return column.id == "fraction" || column.id == "share" ? QVariant(column.values[row]) : QVariant();
    case kCodeRole:
      return column.id == "source";
    case kFunctionRole:
      return holdsFunctions(*table_, column);
    default:
      return {};
  }
}

QVariant TableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (!table_ || section < 0) return {};
  if (orientation == Qt::Vertical) {
    return role == Qt::DisplayRole && section < rowCount() ? QVariant(section + 1) : QVariant();
  }
  if (section >= columnCount()) return {};
  const Column& column = table_->columns[static_cast<std::size_t>(section)];
  switch (role) {
    case Qt::DisplayRole:
      return QString::fromStdString(column.title);
    case Qt::ToolTipRole:
      return QString::fromStdString(column.help);
    case Qt::TextAlignmentRole:
      return QVariant::fromValue(Qt::AlignVCenter |
                                 (column.unit == Unit::kText ? Qt::AlignLeft : Qt::AlignRight));
    default:
      return {};
  }
}

QString tableAsCsv(const model::Table& table) {
  QString out;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (c > 0) out += u',';
    out += csvField(QString::fromStdString(table.columns[c].id));
  }
  out += u'\n';
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const Column& column = table.columns[c];
      if (c > 0) out += u',';
      if (!column.isKnown(row)) continue;
      out += column.unit == Unit::kText ? csvField(QString::fromStdString(column.texts[row]))
                                        : QString::number(column.values[row], 'g', 17);
    }
    out += u'\n';
  }
  return out;
}

}  // namespace heapprof::gui

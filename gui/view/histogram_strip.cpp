#include "gui/view/histogram_strip.h"

#include <QHelpEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>
#include <cmath>

#include "gui/model/units.h"
#include "gui/view/chart_text.h"
#include "gui/view/theme.h"

namespace heapprof::gui {
namespace {

constexpr double kSide = 8;
constexpr double kGap = 20;

const std::vector<double>& valuesOf(const model::Table& table, const char* column) {
  return table.find(column)->values;
}

// Buckets are powers of two; the first begins at 0.
int bucketOf(double from) {
  return from < 2 ? 0 : static_cast<int>(std::lround(std::log2(from)));
}

QString ofUnit(const model::Table& table, double value) {
  return formatValue(table.find("from")->unit, value);
}

}  // namespace

HistogramStrip::HistogramStrip(QWidget* parent) : QWidget(parent) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

QSize HistogramStrip::sizeHint() const {
  return {460, 96};
}

QSize HistogramStrip::minimumSizeHint() const {
  return {180, 96};
}

void HistogramStrip::setTables(std::vector<std::shared_ptr<const model::Table>> tables) {
  std::erase_if(tables, [](const auto& table) { return table->rows() == 0; });
  tables_ = std::move(tables);
  update();
}

QRectF HistogramStrip::area(std::size_t table) const {
  const auto count = static_cast<double>(tables_.size());
  const double wide = (width() - 2 * kSide - kGap * (count - 1)) / count;
  return {kSide + (wide + kGap) * static_cast<double>(table), kChartTitle, wide,
          height() - kChartTitle - kChartAxis};
}

QRectF HistogramStrip::bar(std::size_t table, std::size_t row) const {
  const std::vector<double>& from = valuesOf(*tables_[table], "from");
  const std::vector<double>& counts = valuesOf(*tables_[table], "count");
  const QRectF room = area(table);
  const int first = bucketOf(from.front());
  const double wide = std::min(24.0, room.width() / (bucketOf(from.back()) - first + 1));
  const double share = counts[row] / *std::max_element(counts.begin(), counts.end());
  const double high = std::max(1.0, share * (room.height() - 2));
  return {room.left() + wide * (bucketOf(from[row]) - first), room.bottom() - high, std::max(1.0, wide - 1),
          high};
}

QString HistogramStrip::textAt(const QPointF& place) const {
  for (std::size_t at = 0; at < tables_.size(); ++at) {
    const model::Table& table = *tables_[at];
    const QRectF room = area(at);
    if (place.x() < room.left() || place.x() > room.right()) continue;
    const model::Column& count = *table.find("count");
    for (std::size_t row = 0; row < table.rows(); ++row) {
      const QRectF drawn = bar(at, row);
      if (place.x() < drawn.left() || place.x() > drawn.right() + 1) continue;
      return QStringLiteral("%1 to %2: %3 %4")
          .arg(ofUnit(table, valuesOf(table, "from")[row]), ofUnit(table, valuesOf(table, "to")[row]),
               formatCount(count.values[row]), QString::fromStdString(count.help));
    }
    return QString::fromStdString(table.title);
  }
  return {};
}

void HistogramStrip::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setFont(smallFont());
  for (std::size_t at = 0; at < tables_.size(); ++at) {
    const model::Table& table = *tables_[at];
    const QRectF room = area(at);
    drawChartTitle(painter, room, QString::fromStdString(table.title));
    for (std::size_t row = 0; row < table.rows(); ++row) painter.fillRect(bar(at, row), theme().dirty);
    painter.setPen(theme().border);
    painter.drawLine(room.bottomLeft(), room.bottomRight());
    const QRectF bars(room.left(), room.top(),
                      std::max(96.0, bar(at, table.rows() - 1).right() - room.left()), room.height());
    drawChartEnds(painter, bars & room, ofUnit(table, valuesOf(table, "from").front()),
                  ofUnit(table, valuesOf(table, "to").back()));
  }
}

bool HistogramStrip::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  QToolTip::showText(help->globalPos(), textAt(help->pos()), this);
  return true;
}

}  // namespace heapprof::gui

#include "gui/view/waterfall_view.h"

#include <QHelpEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>
#include <cmath>

#include "gui/model/units.h"
#include "gui/view/theme.h"

namespace heapprof::gui {
namespace {

constexpr double kAxisHeight = 26;
constexpr double kGap = 14;
constexpr double kLargestRow = 84;

QString textOf(const model::Column* column, std::size_t row) {
  return column == nullptr ? QString() : QString::fromStdString(column->texts[row]);
}

bool knows(const model::Column* column, std::size_t row) {
  return column != nullptr && column->isKnown(row);
}

// The axis does not start at 0: the bar is torn, so that nobody reads its length as its size.
void drawBreak(QPainter& painter, const QRectF& bar) {
  QPolygonF tear;
  constexpr double kTooth = 4;
  const double x = bar.left() + 14;
  int side = 1;
  for (double y = bar.top() - 1; y <= bar.bottom() + kTooth; y += kTooth) {
    tear << QPointF(x + side * kTooth / 2, y);
    side = -side;
  }
  painter.setPen(QPen(theme().surface, 4));
  painter.drawPolyline(tear);
}

QString valueWithError(const model::Column& column, std::size_t row, bool isSigned) {
  const bool hasError = row < column.standardError.size() && column.standardError[row] > 0;
  return hasError ? formatWithError(column.unit, column.values[row], column.standardError[row], isSigned)
                  : formatBytes(column.values[row], isSigned);
}

QColor familyColor(const QString& id, bool isTotal) {
  const Theme& t = theme();
  if (isTotal) return mixColors(t.muted, t.surface, 0.25);
  const std::pair<const char*, QColor> families[] = {
      {"unattributed", t.unknown}, {"requested", t.live},  {"live", t.live},         {"slack", t.slack},
      {"slot", t.dirty},           {"cache", t.cache},     {"dirty", t.dirty},       {"metadata", t.meta},
      {"sampler", t.meta},         {"mapping", t.foreign}, {"bootstrap", t.foreign}, {"hostage", t.cache},
  };
  for (const auto& [part, color] : families) {
    if (id.contains(QLatin1String(part))) return color;
  }
  return t.foreign;
}

bool isTotalRow(const QString& id) {
  return id == QLatin1String("kernel_rss") || id == QLatin1String("rss");
}

// 1, 2 or 5 times a power of two's thousandfold: ticks at round figures of KiB, MiB, GiB.
double niceStep(double span, int wanted) {
  const double raw = span / wanted;
  double unit = 1;
  while (raw >= unit * 1024) unit *= 1024;
  for (const double factor : {1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0}) {
    if (unit * factor >= raw) return unit * factor;
  }
  return unit * 1024;
}

}  // namespace

std::vector<WaterfallBar> waterfallBars(const model::Table& table, bool asChange) {
  std::vector<WaterfallBar> bars;
  const model::Column* id = table.find("id");
  const model::Column* label = table.find("label");
  const model::Column* bytes = table.find("bytes");
  const model::Column* base = table.find("base");
  const model::Column* change = table.find("change");
  const model::Column* help = table.find("help");
  if (id == nullptr || bytes == nullptr) return bars;
  const model::Column* shown = asChange ? change : bytes;
  double now = 0;
  double before = 0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (isTotalRow(textOf(id, row))) continue;
    if (knows(bytes, row)) now += bytes->values[row];
    if (knows(base, row)) before += base->values[row];
  }
  const auto total = [&](const QString& text, double value) {
    WaterfallBar bar;
    bar.id = QStringLiteral("total");
    bar.label = text;
    bar.valueText = formatBytes(value);
    bar.toolTip = formatExact(model::Unit::kBytes, value);
    bar.to = value;
    bar.isTotal = true;
    bars.push_back(bar);
  };
  if (asChange)
    total(QStringLiteral("Resident before"), before);
  else
    total(QStringLiteral("Resident (RSS)"), now);
  double at = asChange ? before : 0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    WaterfallBar bar;
    bar.id = textOf(id, row);
    if (isTotalRow(bar.id)) continue;
    bar.label = textOf(label, row);
    bar.known = knows(shown, row);
    bar.valueText = bar.known ? valueWithError(*shown, row, asChange) : QStringLiteral("unknown");
    bar.toolTip =
        bar.known ? formatExact(model::Unit::kBytes, shown->values[row], asChange) + u'\n' : QString();
    bar.toolTip += textOf(help, row);
    bar.from = at;
    if (bar.known) at += shown->values[row];
    bar.to = at;
    bars.push_back(bar);
  }
  if (asChange) total(QStringLiteral("Resident now"), now);
  return bars;
}

WaterfallView::WaterfallView(QWidget* parent) : QWidget(parent) {
  setMouseTracking(true);
}

void WaterfallView::setTable(std::shared_ptr<const model::Table> table, bool asChange) {
  bars_ = table ? waterfallBars(*table, asChange) : std::vector<WaterfallBar>();
  asChange_ = asChange;
  updateGeometry();
  update();
}

QSize WaterfallView::sizeHint() const {
  return {560, static_cast<int>(bars_.size()) * 34 + 40};
}
QSize WaterfallView::minimumSizeHint() const {
  return {300, static_cast<int>(bars_.size()) * 24 + 30};
}

WaterfallView::Geometry WaterfallView::geometryFor() const {
  Geometry g;
  QFont bold = font();
  bold.setBold(true);
  const QFontMetricsF metrics(bold);  // totals are bold, and often the longest
  g.low = 0;
  g.high = 0;
  double lowest = 0;
  double smallest = HUGE_VAL;
  for (const WaterfallBar& bar : bars_) {
    g.labelWidth = std::max(g.labelWidth, metrics.horizontalAdvance(bar.label));
    g.high = std::max({g.high, bar.from, bar.to});
    lowest = std::min({lowest, bar.from, bar.to});
    smallest = std::min(smallest, bar.isTotal ? bar.to : std::min(bar.from, bar.to));
  }
  g.low = lowest;
  // Small changes of a large heap would be slivers: the axis then starts near them, and says so by its first
  // tick.
  if (asChange_ && g.high > 0 && (g.high - smallest) < 0.4 * g.high) {
    g.low = std::max(0.0, smallest - 0.6 * (g.high - smallest) - 1);
  }
  if (g.high <= g.low) g.high = g.low + 1;
  g.labelWidth = std::min(g.labelWidth, width() * 0.36);
  g.left = g.labelWidth + kGap;
  // As wide as lets each bar keep its figure to its right: a long figure beside a short bar costs nothing.
  double scale = HUGE_VAL;
  for (const WaterfallBar& bar : bars_) {
    const double end = std::max({bar.from, bar.to, g.low}) - g.low;
    const double room = width() - g.left - metrics.horizontalAdvance(bar.valueText) - kGap;
    if (end > 0) scale = std::min(scale, std::max(0.0, room) / end);
  }
  g.right = scale < HUGE_VAL ? std::max(g.left + 40, g.left + scale * (g.high - g.low)) : width() - kGap;
  g.rowHeight = std::min(kLargestRow,
                         (height() - kAxisHeight) / std::max<double>(1, static_cast<double>(bars_.size())));
  return g;
}

QRectF WaterfallView::barRect(std::size_t row) const {
  const Geometry g = geometryFor();
  const WaterfallBar& bar = bars_[row];
  const double x0 = g.x(bar.isTotal ? std::max(bar.from, g.low) : std::min(bar.from, bar.to));
  const double x1 = g.x(std::max(bar.from, bar.to));
  const double inset = std::min(12.0, g.rowHeight * 0.2);
  return {x0, static_cast<double>(row) * g.rowHeight + inset, x1 - x0, g.rowHeight - 2 * inset};
}

void WaterfallView::drawAxis(QPainter& painter, const Geometry& g) const {
  const double bottom = g.rowHeight * static_cast<double>(bars_.size());
  const double step = niceStep(g.high - g.low, std::max(2, static_cast<int>((g.right - g.left) / 90)));
  painter.setFont(smallFont());
  for (double tick = std::ceil(g.low / step) * step; tick <= g.high * (1 + 1e-9); tick += step) {
    const double x = g.x(tick);
    painter.setPen(QPen(mixColors(theme().border, theme().surface, 0.45), 1));
    painter.drawLine(QPointF(x, 0), QPointF(x, bottom + 4));
    painter.setPen(theme().muted);
    painter.drawText(QRectF(x - 45, bottom + 5, 90, 18), Qt::AlignHCenter | Qt::AlignTop, formatBytes(tick));
  }
}

void WaterfallView::drawBar(QPainter& painter, const Geometry& g, std::size_t row) const {
  const WaterfallBar& bar = bars_[row];
  const double y = static_cast<double>(row) * g.rowHeight;
  QFont text = font();
  text.setBold(bar.isTotal);
  painter.setFont(text);
  const QFontMetricsF metrics(text);
  painter.setPen(bar.known ? theme().text : theme().muted);
  painter.drawText(QRectF(0, y, g.labelWidth, g.rowHeight), Qt::AlignRight | Qt::AlignVCenter,
                   metrics.elidedText(bar.label, Qt::ElideRight, g.labelWidth));
  QRectF rect = barRect(row);
  double textX = rect.right();
  if (bar.known) {
    QColor color = familyColor(bar.id, bar.isTotal);
    if (asChange_ && !bar.isTotal) color = bar.to > bar.from ? theme().more : theme().less;
    if (!bar.isTotal && bar.to == bar.from) color = theme().muted;
    if (rect.width() < 2) rect.setWidth(bar.to != bar.from ? 2 : 1);
    if (bar.id == QLatin1String("unattributed")) {
      painter.fillRect(rect, QBrush(color, Qt::BDiagPattern));
      painter.setPen(color);
      painter.drawRect(rect);
    } else {
      painter.fillRect(rect, color);
    }
    if (bar.isTotal && g.low > 0) drawBreak(painter, rect);
    // The thread from bar to bar is what makes it a waterfall.
    if (row + 1 < bars_.size()) {
      const double x = g.x(bar.isTotal && !asChange_ ? bar.from : bar.to);
      painter.setPen(QPen(theme().muted, 1, Qt::DotLine));
      painter.drawLine(QPointF(x, rect.bottom()), QPointF(x, y + g.rowHeight + (rect.top() - y)));
    }
  }
  painter.setPen(bar.known ? theme().text : theme().muted);
  painter.drawText(QRectF(textX + 6, y, width() - textX - 6, g.rowHeight), Qt::AlignLeft | Qt::AlignVCenter,
                   bar.valueText);
}

void WaterfallView::draw(QPainter& painter) const {
  if (bars_.empty()) return;
  painter.fillRect(rect(), theme().surface);
  painter.setRenderHint(QPainter::Antialiasing, true);
  const Geometry g = geometryFor();
  drawAxis(painter, g);
  for (std::size_t row = 0; row < bars_.size(); ++row) drawBar(painter, g, row);
}

void WaterfallView::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  draw(painter);
}

bool WaterfallView::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip || bars_.empty()) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const auto row = static_cast<std::size_t>(std::max(0.0, help->pos().y() / geometryFor().rowHeight));
  if (row < bars_.size()) QToolTip::showText(help->globalPos(), bars_[row].toolTip, this);
  return true;
}

}  // namespace heapprof::gui

#include "gui/view/timeline_view.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <algorithm>
#include <cmath>

#include "gui/model/units.h"
#include "gui/view/theme.h"

namespace heapprof::gui {
namespace {

constexpr double kLegend = 26;
constexpr double kMarkNames = 18;
constexpr double kAxis = 24;
constexpr double kLeft = 78;
constexpr double kRight = 46;  // half a moment at the end of the axis
constexpr double kRateTitle = 24;
constexpr double kLine = 17;  // of the box of figures

QColor colorOf(const QString& id) {
  const Theme& t = theme();
  if (id == QLatin1String("rss")) return t.text;
  if (id == QLatin1String("live")) return t.live;
  if (id == QLatin1String("huge")) return t.mixed;
  return t.dirty;
}

// Told apart without colours, too.
Qt::PenStyle styleOf(const QString& id) {
  if (id == QLatin1String("huge")) return Qt::DashLine;
  return id == QLatin1String("dirty") ? Qt::DotLine : Qt::SolidLine;
}

QPen penOf(const QString& id) {
  return {colorOf(id), id == QLatin1String("rss") ? 2.2 : 1.6, styleOf(id)};
}

}  // namespace

TimelineView::TimelineView(QWidget* parent) : QWidget(parent) {
  setMouseTracking(true);
  setFocusPolicy(Qt::StrongFocus);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
}

void TimelineView::setSeries(std::shared_ptr<const TimelineSeriesSet> series) {
  series_ = std::move(series);
  row_ = kNoRow;
  if (series_) ticks_ = byteTicks(series_->mostBytes, 6);
  update();
}

QRectF TimelineView::levelArea() const {
  const double top = kLegend + (series_ && !series_->marks.empty() ? kMarkNames : 6);
  const double below = series_ && series_->hasRates() ? kAxis + kRateTitle + height() * 0.16 : kAxis;
  return {kLeft, top, std::max(1.0, width() - kLeft - kRight), std::max(1.0, height() - top - below)};
}

QRectF TimelineView::rateArea() const {
  if (!series_ || !series_->hasRates()) return {};
  const QRectF level = levelArea();
  return {level.left(), level.bottom() + kRateTitle, level.width(), height() * 0.16};
}

double TimelineView::xOf(double nanos) const {
  const QRectF area = levelArea();
  return area.left() + (nanos - series_->first) / (series_->last - series_->first) * area.width();
}

double TimelineView::yOf(double bytes) const {
  const QRectF area = levelArea();
  return area.bottom() - bytes / std::max(ticks_.back(), 1.0) * area.height();
}

void TimelineView::drawLegend(QPainter& painter) const {
  double x = kLeft;
  for (const TimelineSeries& one : series_->levels) {
    painter.setPen(penOf(one.id));
    painter.drawLine(QPointF(x, kLegend / 2), QPointF(x + 22, kLegend / 2));
    painter.setPen(theme().text);
    const double wide = painter.fontMetrics().horizontalAdvance(one.title) + 4;
    painter.drawText(QRectF(x + 28, 0, wide, kLegend), Qt::AlignLeft | Qt::AlignVCenter, one.title);
    x += 28 + wide + 18;
  }
}

void TimelineView::drawAxes(QPainter& painter) const {
  const QRectF area = levelArea();
  const QColor grid = mixColors(theme().border, theme().surface, 0.45);
  for (const double tick : ticks_) {
    const double y = yOf(tick);
    painter.setPen(grid);
    painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
    painter.setPen(theme().muted);
    painter.drawText(QRectF(0, y - 9, kLeft - 8, 18), Qt::AlignRight | Qt::AlignVCenter, formatBytes(tick));
  }
  const QRectF rate = rateArea();
  const double bottom = rate.isEmpty() ? area.bottom() : rate.bottom();
  for (const double tick : timeTicks(series_->first, series_->last, static_cast<int>(area.width() / 90))) {
    const double x = xOf(tick);
    painter.setPen(grid);
    painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()));
    if (!rate.isEmpty()) painter.drawLine(QPointF(x, rate.top()), QPointF(x, rate.bottom()));
    painter.setPen(theme().muted);
    const double left = std::clamp(x - 45, 0.0, width() - 90.0);
    painter.drawText(QRectF(left, bottom + 4, 90, kAxis - 6), Qt::AlignHCenter | Qt::AlignTop,
                     QString::fromStdString(analysis::sinceStart(tick, series_->last)));
  }
}

void TimelineView::drawLevels(QPainter& painter) const {
  const auto lineOf = [this](const TimelineSeries& one) {
    QPolygonF line;
    for (std::size_t row = 0; row < one.values.size(); ++row)
      line << QPointF(xOf(series_->nanos[row]), yOf(one.values[row]));
    return line;
  };
  // Areas lie below all lines, so that none of these is tinted.
  const double base = levelArea().bottom();
  painter.setPen(Qt::NoPen);
  for (const TimelineSeries& one : series_->levels) {
    const bool isLive = one.id == QLatin1String("live");
    if (!isLive && one.id != QLatin1String("rss")) continue;
    QColor fill = isLive ? theme().live : theme().foreign;
    fill.setAlphaF(isLive ? 0.28F : 0.14F);
    QPolygonF area = lineOf(one);
    area << QPointF(area.back().x(), base) << QPointF(area.front().x(), base);
    painter.setBrush(fill);
    painter.drawPolygon(area);
  }
  painter.setBrush(Qt::NoBrush);
  // RSS last, over the others.
  for (auto one = series_->levels.rbegin(); one != series_->levels.rend(); ++one) {
    const QPolygonF line = lineOf(*one);
    painter.setPen(penOf(one->id));
    painter.drawPolyline(line);
    if (line.size() == 1) painter.drawEllipse(line.front(), 2, 2);
  }
}

// Each rate is of the time up to its row, so it is drawn as wide as that.
void TimelineView::drawRates(QPainter& painter) const {
  const QRectF area = rateArea();
  if (area.isEmpty()) return;
  painter.setPen(theme().text);
  painter.drawText(QRectF(area.left(), area.top() - kRateTitle + 2, area.width(), kRateTitle - 4),
                   Qt::AlignLeft | Qt::AlignVCenter,
                   QStringLiteral("Allocated, up to %1/s").arg(formatBytes(series_->mostRate)));
  painter.setRenderHint(QPainter::Antialiasing, false);  // no seams between neighbours
  for (std::size_t row = 1; row < series_->rates.size(); ++row) {
    const double rate = series_->rates[row];
    if (std::isnan(rate)) continue;
    const double left = xOf(series_->nanos[row - 1]), right = xOf(series_->nanos[row]);
    const double high = rate / series_->mostRate * area.height();
    painter.fillRect(QRectF(left, area.bottom() - high, std::max(1.0, right - left), high), theme().slack);
  }
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(theme().border);
  painter.drawLine(area.bottomLeft(), area.bottomRight());
}

void TimelineView::drawMarks(QPainter& painter) const {
  const QRectF area = levelArea(), rate = rateArea();
  double free = 0;  // names do not overlap: what has no room keeps its line
  for (const TimelineMark& mark : series_->marks) {
    const double x = xOf(mark.nanos);
    painter.setPen(QPen(theme().warning, 1.2, Qt::DashDotLine));
    painter.drawLine(QPointF(x, area.top()), QPointF(x, rate.isEmpty() ? area.bottom() : rate.bottom()));
    const QString name = painter.fontMetrics().elidedText(mark.name, Qt::ElideRight, 160);
    const double wide = painter.fontMetrics().horizontalAdvance(name) + 2;
    const double left = std::clamp(x - wide / 2, 0.0, std::max(0.0, width() - wide));
    if (left < free) continue;
    painter.setPen(theme().warning);
    painter.drawText(QRectF(left, area.top() - kMarkNames, wide, kMarkNames - 2), Qt::AlignCenter, name);
    free = left + wide + 8;
  }
}

QStringList TimelineView::figures(int at) const {
  if (at == kNoRow || !series_) return {};
  const auto row = static_cast<std::size_t>(at);
  QStringList lines{QStringLiteral("at ") +
                    QString::fromStdString(analysis::sinceStart(series_->nanos[row], series_->last))};
  for (const TimelineSeries& one : series_->levels) lines << one.title + u' ' + formatBytes(one.values[row]);
  if (!std::isnan(series_->rates[row]))
    lines << QStringLiteral("Allocated %1/s").arg(formatBytes(series_->rates[row]));
  return lines;
}

void TimelineView::drawRow(QPainter& painter) const {
  const QStringList lines = figures(row_);
  if (lines.isEmpty()) return;
  const QRectF area = levelArea(), rate = rateArea();
  const auto row = static_cast<std::size_t>(row_);
  const double x = xOf(series_->nanos[row]);
  painter.setPen(QPen(theme().accent, 1));
  painter.drawLine(QPointF(x, area.top()), QPointF(x, rate.isEmpty() ? area.bottom() : rate.bottom()));
  for (const TimelineSeries& one : series_->levels) {
    painter.setPen(QPen(theme().surface, 1));
    painter.setBrush(colorOf(one.id));
    painter.drawEllipse(QPointF(x, yOf(one.values[row])), 4, 4);
  }
  double wide = 0;
  for (const QString& line : lines)
    wide = std::max<double>(wide, painter.fontMetrics().horizontalAdvance(line));
  const QSizeF size(wide + 18, kLine * static_cast<double>(lines.size()) + 10);
  const double left = x + 12 + size.width() <= area.right() ? x + 12 : std::max(0.0, x - 12 - size.width());
  const QRectF box(QPointF(left, area.top() + 8), size);
  painter.setPen(theme().border);
  painter.setBrush(theme().raised);
  painter.drawRoundedRect(box, 4, 4);
  painter.setPen(theme().text);
  for (qsizetype i = 0; i < lines.size(); ++i) {
    painter.drawText(QRectF(box.left() + 9, box.top() + 5 + kLine * static_cast<double>(i), wide + 2, kLine),
                     Qt::AlignLeft | Qt::AlignVCenter, lines[i]);
  }
}

void TimelineView::draw(QPainter& painter) const {
  painter.fillRect(rect(), theme().surface);
  if (!series_) return;
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setFont(smallFont());
  drawLegend(painter);
  drawAxes(painter);
  drawRates(painter);
  if (!series_->nanos.empty()) drawLevels(painter);
  drawMarks(painter);
  drawRow(painter);
}

void TimelineView::setRow(int row) {
  const int rows = series_ ? static_cast<int>(series_->nanos.size()) : 0;
  row_ = row == kNoRow || rows == 0 ? kNoRow : std::clamp(row, 0, rows - 1);
  update();
}

void TimelineView::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  draw(painter);
}

void TimelineView::mouseMoveEvent(QMouseEvent* event) {
  if (!series_ || series_->nanos.empty()) return;
  const QRectF area = levelArea();
  const double share = (event->position().x() - area.left()) / area.width();
  if (share < -0.02 || share > 1.02) return setRow(kNoRow);
  setRow(static_cast<int>(series_->rowNear(series_->first + share * (series_->last - series_->first))));
}

void TimelineView::leaveEvent(QEvent*) {
  setRow(kNoRow);
}

void TimelineView::keyPressEvent(QKeyEvent* event) {
  const int last = series_ ? static_cast<int>(series_->nanos.size()) - 1 : kNoRow;
  switch (event->key()) {
    case Qt::Key_Left:
      return setRow(row_ == kNoRow ? last : std::max(0, row_ - 1));
    case Qt::Key_Right:
      return setRow(row_ + 1);
    case Qt::Key_Home:
      return setRow(0);
    case Qt::Key_End:
      return setRow(last);
    default:
      QWidget::keyPressEvent(event);
  }
}

}  // namespace heapprof::gui

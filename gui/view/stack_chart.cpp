#include "gui/view/stack_chart.h"

#include <QPainter>
#include <algorithm>
#include <cmath>

#include "gui/model/units.h"
#include "gui/view/chart_text.h"
#include "gui/view/theme.h"

namespace heapprof::gui {
namespace {

constexpr double kTitle = kChartTitle;
constexpr double kAxis = kChartAxis;
constexpr double kSide = 8;
constexpr double kGap = 28;
constexpr double kDot = 3;

// Whole powers of two nanoseconds, as the runtime counts lifetimes.
std::size_t bucketOf(double seconds) {
  const double nanos = std::max(1.0, seconds * 1e9);
  return std::min(analysis::kLifetimeBuckets - 1, static_cast<std::size_t>(std::log2(nanos)));
}

QString bucketText(int bucket) {
  return formatNanos(std::ldexp(1.0, bucket));
}

}  // namespace

StackChart::StackChart(QWidget* parent) : QWidget(parent) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
  setToolTip(
      QStringLiteral("What the stack held at each dump, with one standard error of sampling; and, of the "
                     "last dump, the ages of "
                     "its live bytes above how long its freed objects had lived, in powers of two."));
}

QSize StackChart::sizeHint() const {
  return {460, 190};
}

QSize StackChart::minimumSizeHint() const {
  return {220, 110};
}

void StackChart::setStack(std::shared_ptr<const analysis::Histories> histories, std::size_t row) {
  histories_ = std::move(histories);
  row_ = row;
  ages_.fill(0);
  top_ = 0;
  mostBytes_ = mostDeaths_ = 0;
  firstBucket_ = static_cast<int>(analysis::kLifetimeBuckets);
  lastBucket_ = -1;
  update();
  if (!histories_) return;
  for (const analysis::StackPoint& point : stack().points) {
    const double error = std::isnan(point.variance) ? 0 : std::sqrt(point.variance);
    top_ = std::max(top_, point.bytes + error);
  }
  if (top_ <= 0) top_ = 1;
  for (const analysis::LiveAge& age : stack().ages) ages_[bucketOf(age.seconds)] += age.bytes;
  for (int bucket = 0; bucket < static_cast<int>(analysis::kLifetimeBuckets); ++bucket) {
    const auto at = static_cast<std::size_t>(bucket);
    if (ages_[at] <= 0 && stack().lifetimes[at] <= 0) continue;
    firstBucket_ = std::min(firstBucket_, bucket);
    lastBucket_ = bucket;
    mostBytes_ = std::max(mostBytes_, ages_[at]);
    mostDeaths_ = std::max(mostDeaths_, stack().lifetimes[at]);
  }
}

QRectF StackChart::historyArea() const {
  const double wide = hasAges() ? (width() - kGap) / 2.0 - kSide : width() - 2 * kSide;
  return {kSide, kTitle, wide, height() - kTitle - kAxis};
}

QRectF StackChart::ageArea() const {
  const double left = hasHistory() ? (width() + kGap) / 2.0 : kSide;
  return {left, kTitle, width() - left - kSide, height() - kTitle - kAxis};
}

double StackChart::yOf(double bytes) const {
  const QRectF area = historyArea();
  return area.bottom() - std::max(0.0, bytes) / top_ * area.height();
}

QPointF StackChart::pointAt(std::size_t dump) const {
  const QRectF area = historyArea();
  const std::vector<analysis::DumpMoment>& dumps = histories_->dumps();
  const double span = dumps.back().seconds;
  // Dumps of one moment stand side by side.
  const double share = span > 0 ? dumps[dump].seconds / span
                                : static_cast<double>(dump) / static_cast<double>(dumps.size() - 1);
  return {area.left() + kDot + share * (area.width() - 2 * kDot), yOf(stack().points[dump].bytes)};
}

QRectF StackChart::ageBar(std::size_t bucket) const {
  if (ages_[bucket] <= 0) return {};
  const QRectF area = ageArea();
  const double wide = area.width() / (lastBucket_ - firstBucket_ + 1);
  const double room = mostDeaths_ > 0 ? area.height() / 2 : area.height();
  const double high = std::max(1.0, ages_[bucket] / mostBytes_ * (room - 2));
  return {area.left() + wide * (static_cast<int>(bucket) - firstBucket_), area.top() + room - high,
          std::max(1.0, wide - 1), high};
}

QRectF StackChart::lifetimeBar(std::size_t bucket) const {
  if (stack().lifetimes[bucket] <= 0) return {};
  const QRectF area = ageArea();
  const double wide = area.width() / (lastBucket_ - firstBucket_ + 1);
  const double middle = mostBytes_ > 0 ? area.top() + area.height() / 2 : area.top();
  const double high = std::max(1.0, stack().lifetimes[bucket] / mostDeaths_ * (area.bottom() - middle - 2));
  return {area.left() + wide * (static_cast<int>(bucket) - firstBucket_), middle + 1, std::max(1.0, wide - 1),
          high};
}

void StackChart::drawHistory(QPainter& painter) const {
  const QRectF area = historyArea();
  const std::vector<analysis::DumpMoment>& dumps = histories_->dumps();
  drawChartTitle(painter, area, QStringLiteral("Live, up to %1").arg(formatBytes(top_)));
  painter.setPen(theme().border);
  painter.drawLine(area.bottomLeft(), area.bottomRight());
  QPolygonF line;
  for (std::size_t dump = 0; dump < dumps.size(); ++dump) line << pointAt(dump);
  painter.setPen(QPen(theme().live, 1.5));
  painter.drawPolyline(line);
  painter.setBrush(theme().live);
  for (std::size_t dump = 0; dump < dumps.size(); ++dump) {
    const analysis::StackPoint& point = stack().points[dump];
    const QPointF at = pointAt(dump);
    if (point.variance > 0) {
      const double error = std::sqrt(point.variance);
      painter.setPen(theme().muted);
      painter.drawLine(QPointF(at.x(), yOf(point.bytes - error)), QPointF(at.x(), yOf(point.bytes + error)));
    }
    painter.setPen(Qt::NoPen);
    painter.drawEllipse(at, kDot, kDot);
  }
  drawChartEnds(painter, area, QStringLiteral("first dump"),
                QStringLiteral("+%1").arg(formatNanos(dumps.back().seconds * 1e9)));
}

void StackChart::drawAges(QPainter& painter) const {
  const QRectF area = ageArea();
  const bool both = mostBytes_ > 0 && mostDeaths_ > 0;
  drawChartTitle(painter, area,
                 both             ? QStringLiteral("Live by age; down: freed by lifetime")
                 : mostBytes_ > 0 ? QStringLiteral("Live by age; nothing was freed")
                                  : QStringLiteral("Freed by lifetime"));
  painter.setPen(Qt::NoPen);
  for (int bucket = firstBucket_; bucket <= lastBucket_; ++bucket) {
    const auto at = static_cast<std::size_t>(bucket);
    painter.fillRect(ageBar(at), theme().live);
    painter.fillRect(lifetimeBar(at), theme().foreign);
  }
  painter.setPen(theme().border);
  const double base = both ? area.center().y() : mostBytes_ > 0 ? area.bottom() : area.top();
  painter.drawLine(QPointF(area.left(), base), QPointF(area.right(), base));
  drawChartEnds(painter, area, bucketText(firstBucket_), bucketText(lastBucket_ + 1));
}

void StackChart::draw(QPainter& painter) const {
  painter.fillRect(rect(), theme().surface);
  if (!histories_) return;
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setFont(smallFont());
  if (hasHistory()) drawHistory(painter);
  if (hasAges()) drawAges(painter);
  if (hasHistory() || hasAges()) return;
  painter.setPen(theme().muted);
  painter.drawText(rect(), Qt::AlignCenter | Qt::TextWordWrap,
                   QStringLiteral("The dump has no ages (samples.age_nanos, stacks.lifetime_buckets)."));
}

void StackChart::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  draw(painter);
}

}  // namespace heapprof::gui

// How MapView draws; what it does with events is in map_view.cpp.
#include <QPainter>
#include <QScrollBar>
#include <algorithm>
#include <cmath>

#include "gui/model/units.h"
#include "gui/view/map_geometry.h"
#include "gui/view/map_view.h"
#include "gui/view/theme.h"

namespace heapprof::gui {
namespace {

// Granules of one cell as a small raster; as square as the count allows.
int granuleColumns(int granules) {
  int columns = 1;
  while (columns * columns < granules) columns *= 2;
  return columns;
}

QColor freeGranuleColor() {
  return mixColors(theme().dirty, theme().surface, 0.25);
}

bool bit(const heapprof::HugePages& pages, bool used, std::uint32_t row, int words, int granule) {
  const int at = static_cast<int>(row) * words + granule / 64;
  const auto& column = used ? pages.used_granules() : pages.backed_granules();
  return at < column.size() && ((column.Get(at) >> (granule % 64)) & 1) != 0;
}

}  // namespace

void MapView::paintEvent(QPaintEvent*) {
  QPainter painter(viewport());
  draw(painter);
}

void MapView::draw(QPainter& painter) const {
  painter.fillRect(viewport()->rect(), theme().surface);
  if (!map_ || picture_.isNull() || static_cast<std::size_t>(picture_.height()) != layout_.rows()) return;
  drawRows(painter);
  drawGranules(painter);
  drawLabels(painter);
  const auto mark = [&](std::uint32_t unit, double width) {
    if (unit == kNoUnit) return;
    const QRectF rect = rectOf(unit).adjusted(-1, -1, 0, 0);
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(theme().surface, width + 2));
    painter.drawRect(rect);
    painter.setPen(QPen(theme().text, width));
    painter.drawRect(rect);
  };
  mark(hovered_, 1);
  mark(selected_, 2);
  drawMinimap(painter);
}

// A scaled picture may spill a pixel over a cell's edge; where cells are large that shows, and they are few.
void MapView::drawCells(QPainter& painter, std::size_t fromRow, std::size_t toRow) const {
  const QRectF seen(viewport()->rect());
  for (std::size_t cell = fromRow * layout_.columns; cell < toRow * layout_.columns; ++cell) {
    if (layout_.cellUnit[cell] == kNoUnit) continue;
    const QRectF rect = cellRect(cell);
    if (!rect.intersects(seen)) continue;
    const auto column = static_cast<int>(cell % layout_.columns);
    const auto row = static_cast<int>(cell / layout_.columns);
    painter.fillRect(rect.adjusted(0, 0, -1, -1), picture_.pixelColor(column, row));
  }
}

void MapView::drawRows(QPainter& painter) const {
  const std::size_t first = rowAt(verticalScrollBar()->value());
  const std::size_t last = rowAt(verticalScrollBar()->value() + viewport()->height());
  const double width = static_cast<double>(layout_.columns) * cell_;
  const double x = kMapMargin - horizontalScrollBar()->value();
  painter.save();
  painter.setClipRect(QRectF(kMapMargin, 0, viewport()->width() - kMapMargin, viewport()->height()));
  for (std::size_t row = first; row <= last && row < layout_.rows();) {
    std::size_t end = row + 1;  // rows without a gap between them are one blit
    while (end <= last && end < layout_.rows() && layout_.gapBefore[end] == 0) ++end;
    const double top = rowTop(row) - verticalScrollBar()->value();
    const double height = static_cast<double>(end - row) * cell_;
    if (cell_ >= kCellByCell) {
      drawCells(painter, row, end);
    } else {
      painter.drawImage(QRectF(x, top, width, height), picture_,
                        QRectF(0, static_cast<double>(row), layout_.columns, static_cast<double>(end - row)));
    }
    row = end;
  }
  painter.restore();
}

bool MapView::showsGranules() const {
  return cell_ >= kGranuleCell && !granuleRow_.empty() && coloring_ == MapColoring::kState &&
         map_->granuleBytes != 0;
}

std::vector<LegendEntry> MapView::legend() const {
  if (!map_) return {};
  std::vector<LegendEntry> entries = mapLegend(*map_, coloring_);
  if (!showsGranules()) return entries;
  entries.push_back({freeGranuleColor(), QStringLiteral("within a page: free, backed")});
  entries.push_back({theme().none, QStringLiteral("within a page: free, given back")});
  return entries;
}

void MapView::drawGranules(QPainter& painter) const {
  if (!showsGranules()) return;
  const heapprof::HugePages& pages = snapshot_->heap().huge_pages();
  const int granules = static_cast<int>(map_->placementBytes / map_->granuleBytes);
  const int words = (granules + 63) / 64;
  const int columns = granuleColumns(granules);
  const int rows = (granules + columns - 1) / columns;
  const bool knowsBacked = pages.backed_granules_size() > 0;
  const QColor free = freeGranuleColor();
  for (std::size_t cell = 0; cell < layout_.cellUnit.size(); ++cell) {
    const std::uint32_t unit = layout_.cellUnit[cell];
    if (unit == kNoUnit || granuleRow_[unit] == kNoUnit) continue;
    const QRectF rect = cellRect(cell).adjusted(0, 0, -1, -1);
    if (!rect.intersects(QRectF(viewport()->rect()))) continue;
    painter.fillRect(rect, theme().none);
    const QColor used = unitStateColor(unitState(*map_, unit));
    for (int granule = 0; granule < granules; ++granule) {
      const bool isUsed = bit(pages, true, granuleRow_[unit], words, granule);
      const bool isBacked = knowsBacked && bit(pages, false, granuleRow_[unit], words, granule);
      if (!isUsed && !isBacked) continue;
      const double x0 = std::round(rect.width() * (granule % columns) / columns);
      const double x1 = std::round(rect.width() * (granule % columns + 1) / columns);
      const double y0 = std::round(rect.height() * (granule / columns) / rows);
      const double y1 = std::round(rect.height() * (granule / columns + 1) / rows);
      painter.fillRect(QRectF(rect.x() + x0, rect.y() + y0, x1 - x0, y1 - y0), isUsed ? used : free);
    }
  }
}

QString MapView::rowLabel(std::size_t row) const {
  if (order_ == MapOrder::kAddress) {
    return u'+' + formatBytes(static_cast<double>(layout_.rowIndex[row]) *
                              static_cast<double>(map_->placementBytes));
  }
  const std::uint32_t unit = layout_.cellUnit[row * layout_.columns];
  return formatFraction(occupancy(*map_, unit)) + QStringLiteral(" full");
}

void MapView::drawLabels(QPainter& painter) const {
  painter.setFont(smallFont());
  const QFontMetrics metrics(smallFont());
  double free = -1;  // below the last label
  QString last;
  const bool isCurve = order_ != MapOrder::kAddress;
  const std::size_t first = rowAt(verticalScrollBar()->value());
  for (std::size_t row = first; row < layout_.rows(); ++row) {
    const double top = rowTop(row) - verticalScrollBar()->value();
    if (top > viewport()->height()) break;
    // By address, round offsets: they are what a reader looks for. On a curve, where it has moved on.
    const bool isRound = layout_.rowIndex[row] % (layout_.columns * 16) == 0 || cell_ >= metrics.height();
    if (top < free || top < 0 || (!isRound && layout_.gapBefore[row] == 0 && row != first)) continue;
    const QString text = rowLabel(row);
    if (text == last) continue;
    const double y = top + std::max(0.0, (std::min(cell_, 40) - metrics.height()) / 2.0);
    painter.setPen(theme().muted);
    painter.drawText(QRectF(0, y, kMapMargin - 8, metrics.height()), Qt::AlignRight | Qt::AlignTop, text);
    free = top + metrics.height() * (isCurve && cell_ < metrics.height() ? 2.5 : 1) + 4;
    last = text;
  }
}

QRectF MapView::minimapRect() const {
  if (verticalScrollBar()->maximum() == 0 || layout_.rows() == 0) return {};
  const double cells = kMapMargin + static_cast<double>(layout_.columns) * cell_;
  const double x = std::max<double>(std::min(cells + 16, viewport()->width() - kMinimapWidth - 6.0), 0);
  const double height =
      std::min<double>(viewport()->height() - 2.0 * kMapGap, static_cast<double>(layout_.rows()) * 2);
  return {x, static_cast<double>(kMapGap), static_cast<double>(kMinimapWidth), height};
}

QRectF MapView::minimapWindow() const {
  const QRectF mini = minimapRect();
  const double content = verticalScrollBar()->maximum() + viewport()->height();
  return {mini.x() - 2, mini.y() + mini.height() * verticalScrollBar()->value() / content, mini.width() + 4,
          std::max(6.0, mini.height() * viewport()->height() / content)};
}

void MapView::drawMinimap(QPainter& painter) const {
  const QRectF mini = minimapRect();
  if (mini.isNull()) return;
  painter.fillRect(QRectF(mini.left() - 6, 0, viewport()->width(), viewport()->height()), theme().surface);
  painter.save();
  painter.setRenderHint(QPainter::SmoothPixmapTransform, true);
  painter.drawImage(mini, picture_);
  painter.restore();
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(theme().border, 1));
  painter.drawRect(mini);
  painter.setPen(QPen(theme().accent, 2));
  painter.drawRect(minimapWindow());
}

}  // namespace heapprof::gui

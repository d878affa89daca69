#include "gui/view/map_view.h"

#include <QApplication>
#include <QKeyEvent>
#include <QScrollBar>
#include <QToolTip>
#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "gui/model/units.h"
#include "gui/view/map_geometry.h"
#include "gui/view/theme.h"

namespace heapprof::gui {
namespace {

constexpr std::array<int, 13> kZoomSteps{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96};
// Bitmaps are drawn in cells of this size and more; larger maps never get there at once.
constexpr std::size_t kMapsWithGranules = 65536;

}  // namespace

MapView::MapView(Session& session, QWidget* parent) : QAbstractScrollArea(parent), painterWork_(session) {
  setFrameShape(QFrame::NoFrame);
  setFocusPolicy(Qt::StrongFocus);
  viewport()->setMouseTracking(true);
}

void MapView::setMap(std::shared_ptr<const analysis::HeapMap> map, model::SnapshotPtr snapshot) {
  const std::uint64_t kept =
      map_ && selected_ < map_->index.size() ? map_->index[selected_] : ~std::uint64_t{0};
  map_ = std::move(map);
  snapshot_ = std::move(snapshot);
  selected_ = hovered_ = kNoUnit;
  if (map_) {
    const auto same = std::lower_bound(map_->index.begin(), map_->index.end(), kept);
    if (same != map_->index.end() && *same == kept)
      selected_ = static_cast<std::uint32_t>(same - map_->index.begin());
  }
  indexGranules();
  if (fitted_)
    fit();
  else
    relayout();
}

void MapView::indexGranules() {
  granuleRow_.clear();
  if (!map_ || !snapshot_ || !snapshot_->hasHeapSnapshot() || map_->index.size() > kMapsWithGranules) return;
  const heapprof::HugePages& pages = snapshot_->heap().huge_pages();
  if (pages.used_granules_size() == 0) return;
  std::unordered_map<std::uint64_t, std::uint32_t> rows;
  for (int row = 0; row < pages.index_delta_size(); ++row)
    rows[pages.index_delta(row)] = static_cast<std::uint32_t>(row);
  granuleRow_.assign(map_->index.size(), kNoUnit);
  for (std::size_t unit = 0; unit < granuleRow_.size(); ++unit) {
    const auto found = rows.find(map_->index[unit]);
    if (found != rows.end()) granuleRow_[unit] = found->second;
  }
}

void MapView::setColoring(MapColoring coloring) {
  coloring_ = coloring;
  recolor();
}

void MapView::setOrder(MapOrder order) {
  order_ = order;
  if (fitted_)
    fit();
  else
    relayout();
}

void MapView::fit() {
  fitted_ = true;
  if (!map_) return;
  const MapFit best =
      fitMap(*map_, order_, viewport()->width() - kMapMargin, viewport()->height() - 2 * kMapGap);
  cell_ = best.cellPixels;
  layout_.columns = best.columns;
  relayout();
}

void MapView::zoomBy(int steps) {
  const QPointF front = rectOf(selected_).center();
  const bool isSeen = selected_ != kNoUnit && QRectF(viewport()->rect()).contains(front);
  zoomAround(steps, isSeen ? front : QPointF(viewport()->width() / 2.0, viewport()->height() / 2.0));
}

void MapView::zoomAround(int steps, const QPointF& at) {
  if (!map_ || layout_.rows() == 0) return;
  fitted_ = false;
  const auto now = std::lower_bound(kZoomSteps.begin(), kZoomSteps.end(), cell_) - kZoomSteps.begin();
  const auto next =
      std::clamp<std::ptrdiff_t>(now + steps, 0, static_cast<std::ptrdiff_t>(kZoomSteps.size()) - 1);
  // What lies under the point, as row and column with fractions, stays under it.
  const double y = verticalScrollBar()->value() + at.y();
  const std::size_t row = rowAt(y);
  const double within = std::clamp((y - rowTop(row)) / cell_, 0.0, 1.0);
  const double column = (horizontalScrollBar()->value() + at.x() - kMapMargin) / cell_;
  cell_ = kZoomSteps[static_cast<std::size_t>(next)];
  updateScrollBars();
  verticalScrollBar()->setValue(static_cast<int>(rowTop(row) + within * cell_ - at.y()));
  horizontalScrollBar()->setValue(static_cast<int>(column * cell_ + kMapMargin - at.x()));
  viewport()->update();
  Q_EMIT scaleChanged();
}

void MapView::relayout() {
  if (!map_) return;
  layout_ = layoutMap(*map_, order_, layout_.columns);
  cellOfUnit_.assign(map_->index.size(), 0);
  for (std::size_t cell = 0; cell < layout_.cellUnit.size(); ++cell) {
    if (layout_.cellUnit[cell] != kNoUnit)
      cellOfUnit_[layout_.cellUnit[cell]] = static_cast<std::uint32_t>(cell);
  }
  gapsAbove_.assign(layout_.rows(), 0);
  std::uint32_t gaps = 0;
  for (std::size_t row = 0; row < layout_.rows(); ++row) gapsAbove_[row] = gaps += layout_.gapBefore[row];
  updateScrollBars();
  recolor();
  Q_EMIT scaleChanged();
}

void MapView::recolor() {
  if (!map_) return;
  const QRgb nothing = theme().surface.rgb();  // no cell at all: addresses that no heap page has
  painterWork_.run(
      [map = map_, layout = layout_, coloring = coloring_, nothing](const analysis::Cancel& stop) {
        QImage picture(static_cast<int>(layout.columns), static_cast<int>(layout.rows()),
                       QImage::Format_RGB32);
        const std::vector<QRgb> colors = colorUnits(*map, coloring, stop);
        if (colors.size() != map->index.size()) return QImage();
        for (std::size_t row = 0; row < layout.rows(); ++row) {
          auto* line = reinterpret_cast<QRgb*>(picture.scanLine(static_cast<int>(row)));
          for (std::uint32_t column = 0; column < layout.columns; ++column) {
            const std::uint32_t unit = layout.cellUnit[row * layout.columns + column];
            line[column] = unit == kNoUnit ? nothing : colors[unit];
          }
        }
        return picture;
      },
      [this](const std::shared_ptr<const QImage>& picture) {
        picture_ = *picture;
        viewport()->update();
      });
}

void MapView::updateScrollBars() {
  const double height = layout_.rows() == 0 ? 0 : rowTop(layout_.rows() - 1) + cell_;
  const double width = kMapMargin + static_cast<double>(layout_.columns) * cell_;
  const auto range = [](QScrollBar* bar, double content, int page, int step) {
    bar->setPageStep(page);
    bar->setSingleStep(std::max(8, step));
    bar->setRange(0, std::max(0, static_cast<int>(std::ceil(content)) - page));
  };
  range(verticalScrollBar(), height + kMapGap, viewport()->height(), cell_);
  range(horizontalScrollBar(), width, viewport()->width(), cell_);
}

double MapView::rowTop(std::size_t row) const {
  return kMapGap + static_cast<double>(row) * cell_ + static_cast<double>(gapsAbove_[row]) * kMapGap;
}

std::size_t MapView::rowAt(double contentY) const {
  std::size_t low = 0;
  std::size_t high = layout_.rows();
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    if (rowTop(middle) <= contentY)
      low = middle;
    else
      high = middle;
  }
  return low;
}

QRectF MapView::cellRect(std::size_t cell) const {
  const std::size_t row = cell / layout_.columns;
  const double x =
      kMapMargin + static_cast<double>(cell % layout_.columns) * cell_ - horizontalScrollBar()->value();
  return {x, rowTop(row) - verticalScrollBar()->value(), static_cast<double>(cell_),
          static_cast<double>(cell_)};
}

QRectF MapView::rectOf(std::uint32_t unit) const {
  return unit < cellOfUnit_.size() ? cellRect(cellOfUnit_[unit]) : QRectF();
}

std::uint32_t MapView::unitAt(const QPointF& position) const {
  if (!map_ || layout_.rows() == 0 || position.x() < kMapMargin) return kNoUnit;
  const double y = position.y() + verticalScrollBar()->value();
  const std::size_t row = rowAt(y);
  const double x = position.x() - kMapMargin + horizontalScrollBar()->value();
  const auto column = static_cast<std::size_t>(x / cell_);
  if (column >= layout_.columns || y < rowTop(row) || y >= rowTop(row) + cell_) return kNoUnit;
  return layout_.cellUnit[row * layout_.columns + column];
}

void MapView::select(std::uint32_t unit) {
  if (!map_ || unit >= map_->index.size()) return;
  selected_ = unit;
  const QRectF rect = rectOf(unit);
  if (rect.top() < 0 || rect.bottom() > viewport()->height()) {
    verticalScrollBar()->setValue(verticalScrollBar()->value() +
                                  static_cast<int>(rect.center().y() - viewport()->height() / 2.0));
  }
  if (rect.left() < kMapMargin || rect.right() > viewport()->width()) {
    horizontalScrollBar()->setValue(horizontalScrollBar()->value() +
                                    static_cast<int>(rect.center().x() - viewport()->width() / 2.0));
  }
  viewport()->update();
  Q_EMIT selectionChanged(unit);
}

QString MapView::describe(std::uint32_t unit) const {
  if (!map_ || unit >= map_->index.size()) return {};
  const double bytes = static_cast<double>(map_->placementBytes);
  const auto share = [&](const std::vector<float>& values, const char* name) {
    const bool known = unit < values.size() && !std::isnan(values[unit]);
    return QStringLiteral("%1 %2").arg(
        QLatin1String(name),
        known ? formatBytes(static_cast<double>(values[unit]) * bytes) : QStringLiteral("unknown"));
  };
  QStringList parts{
      QStringLiteral("0x%1").arg(map_->regionStart + map_->index[unit] * map_->placementBytes, 0, 16),
      unitStateName(unitState(*map_, unit)), share(map_->liveFraction, "live"),
      share(map_->residentFraction, "resident")};
  if (!map_->changeFraction.empty() && !std::isnan(map_->changeFraction[unit])) {
    parts << QStringLiteral("change %1")
                 .arg(formatBytes(static_cast<double>(map_->changeFraction[unit]) * bytes, true));
  }
  return parts.join(QStringLiteral("  ·  "));
}

void MapView::resizeEvent(QResizeEvent*) {
  if (fitted_)
    fit();
  else
    updateScrollBars();
}

void MapView::scrollContentsBy(int, int) {
  viewport()->update();
}

void MapView::mousePressEvent(QMouseEvent* event) {
  pressedAt_ = event->position();
  scrollAtPress_ = QPoint(horizontalScrollBar()->value(), verticalScrollBar()->value());
  dragging_ = false;
  onMinimap_ = minimapRect().contains(event->position());
}

void MapView::mouseMoveEvent(QMouseEvent* event) {
  if ((event->buttons() & Qt::LeftButton) != 0 && !onMinimap_) {
    const QPointF moved = event->position() - pressedAt_;
    dragging_ = dragging_ || moved.manhattanLength() > QApplication::startDragDistance();
    if (!dragging_) return;
    horizontalScrollBar()->setValue(scrollAtPress_.x() - static_cast<int>(moved.x()));
    verticalScrollBar()->setValue(scrollAtPress_.y() - static_cast<int>(moved.y()));
    return;
  }
  const std::uint32_t unit = unitAt(event->position());
  if (unit == hovered_) return;
  hovered_ = unit;
  viewport()->update();
  Q_EMIT hovered(unit);
}

void MapView::mouseReleaseEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || dragging_) return;
  if (onMinimap_) {
    const QRectF mini = minimapRect();
    const double share = (event->position().y() - mini.top()) / mini.height();
    const double content = verticalScrollBar()->maximum() + viewport()->height();
    verticalScrollBar()->setValue(static_cast<int>(share * content - viewport()->height() / 2.0));
    return;
  }
  const std::uint32_t unit = unitAt(event->position());
  if (unit != kNoUnit) select(unit);
}

void MapView::wheelEvent(QWheelEvent* event) {
  if ((event->modifiers() & Qt::ControlModifier) == 0) {
    QAbstractScrollArea::wheelEvent(event);
    return;
  }
  zoomAround(event->angleDelta().y() > 0 ? 1 : -1, event->position());
  event->accept();
}

void MapView::keyPressEvent(QKeyEvent* event) {
  const auto step = [this](std::ptrdiff_t by) {
    if (selected_ == kNoUnit) return;
    auto cell = static_cast<std::ptrdiff_t>(cellOfUnit_[selected_]) + by;
    while (cell >= 0 && cell < static_cast<std::ptrdiff_t>(layout_.cellUnit.size())) {
      const std::uint32_t unit = layout_.cellUnit[static_cast<std::size_t>(cell)];
      if (unit != kNoUnit) return select(unit);
      cell += by;
    }
  };
  const auto row = static_cast<std::ptrdiff_t>(layout_.columns);
  switch (event->key()) {
    case Qt::Key_Left:
      return step(-1);
    case Qt::Key_Right:
      return step(1);
    case Qt::Key_Up:
      return step(-row);
    case Qt::Key_Down:
      return step(row);
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      return zoomBy(1);
    case Qt::Key_Minus:
      return zoomBy(-1);
    case Qt::Key_0:
      return fit();
    default:
      QAbstractScrollArea::keyPressEvent(event);
  }
}

bool MapView::viewportEvent(QEvent* event) {
  if (event->type() == QEvent::Leave) {
    hovered_ = kNoUnit;
    viewport()->update();
    Q_EMIT hovered(kNoUnit);
  }
  if (event->type() == QEvent::ToolTip) {
    const auto* help = static_cast<QHelpEvent*>(event);
    const std::uint32_t unit = unitAt(help->pos());
    QString text = describe(unit);
    text.replace(QStringLiteral("  ·  "), QStringLiteral("\n"));
    if (!text.isEmpty()) QToolTip::showText(help->globalPos(), text, this);
    return true;
  }
  return QAbstractScrollArea::viewportEvent(event);
}

void MapView::changeEvent(QEvent* event) {
  QAbstractScrollArea::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) recolor();
}

}  // namespace heapprof::gui

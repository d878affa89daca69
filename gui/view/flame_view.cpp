#include "gui/view/flame_view.h"

#include <QContextMenuEvent>
#include <QKeyEvent>
#include <QPainter>
#include <QScrollBar>
#include <QToolTip>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "gui/model/units.h"
#include "gui/view/name_fit.h"
#include "gui/view/theme.h"

namespace heapprof::gui {

using analysis::CallTree;
using Node = CallTree::Node;

FlameView::FlameView(QWidget* parent) : QAbstractScrollArea(parent) {
  setFrameShape(QFrame::NoFrame);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setFocusPolicy(Qt::StrongFocus);
  viewport()->setMouseTracking(true);
}

void FlameView::setTree(std::shared_ptr<const CallTree> tree) {
  const auto carry = [&](std::uint32_t node) { return tree_ && tree ? sameNode(*tree_, node, *tree) : 0u; };
  const std::uint32_t zoom = carry(zoom_);
  const std::uint32_t selected = selected_ == kNoNode ? kNoNode : carry(selected_);
  tree_ = std::move(tree);
  layout_ = tree_ ? layoutFlame(*tree_) : FlameLayout();
  zoom_ = zoom;
  selected_ = selected;
  hovered_ = kNoNode;
  largestChange_ = 0;
  for (std::size_t i = 1; tree_ && i < tree_->nodes.size(); ++i) {
    const Node& node = tree_->nodes[i];
    largestChange_ = std::max(largestChange_, std::fabs(node.total - node.baseTotal));
  }
  rankModules();
  search(expression_);
  relayout();
}

void FlameView::rankModules() {
  moduleRanks_.clear();
  if (!tree_) return;
  std::vector<double> self(tree_->modules.size(), 0);
  for (const Node& node : tree_->nodes) {
    if (node.depth > 0 && node.module < self.size()) self[node.module] += std::fabs(node.total);
  }
  std::vector<std::uint32_t> order(self.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return self[a] > self[b]; });
  moduleRanks_.resize(self.size());
  for (std::uint32_t rank = 0; rank < order.size(); ++rank) moduleRanks_[order[rank]] = rank;
}

void FlameView::setFlipped(bool flipped) {
  flipped_ = flipped;
  relayout();
  verticalScrollBar()->setValue(flipped ? verticalScrollBar()->maximum() : 0);
}

void FlameView::setColoring(FlameColoring coloring) {
  coloring_ = coloring;
  invalidate();
}

const FlameMatches& FlameView::search(const QRegularExpression& expression) {
  expression_ = expression;
  matches_ = tree_ && !expression.pattern().isEmpty() && expression.isValid()
                 ? matchFrames(*tree_, expression)
                 : FlameMatches();
  invalidate();
  return matches_;
}

void FlameView::zoomTo(std::uint32_t node) {
  if (!tree_ || node >= tree_->nodes.size()) return;
  zoom_ = node;
  relayout();
  Q_EMIT zoomed(node);
}

void FlameView::select(std::uint32_t node) {
  selected_ = node;
  viewport()->update();
  Q_EMIT selectionChanged(node);
}

double FlameView::rowHeight() const {
  // A shallow graph gets taller rows, so that it fills the page.
  const double least = fontMetrics().height() + 5.0;
  return levels_ == 0 ? least
                      : std::clamp(std::floor(viewport()->height() / static_cast<double>(levels_)), least,
                                   least * 1.4);
}

void FlameView::relayout() {
  frames_ = tree_ ? visibleFrames(*tree_, layout_, zoom_, std::max(1, viewport()->width()))
                  : std::vector<FrameRect>();
  levels_ = 0;
  for (const FrameRect& frame : frames_) levels_ = std::max(levels_, frame.level + 1);
  const int content = static_cast<int>(levels_ * rowHeight());
  verticalScrollBar()->setPageStep(viewport()->height());
  verticalScrollBar()->setSingleStep(static_cast<int>(rowHeight()));
  verticalScrollBar()->setRange(0, std::max(0, content - viewport()->height()));
  invalidate();
}

void FlameView::invalidate() {
  picture_ = QPixmap();
  viewport()->update();
}

QRectF FlameView::placed(const FrameRect& frame, const QRectF& area) const {
  const double scale = viewport()->width() > 0 ? area.width() / viewport()->width() : 1;
  const double height = rowHeight();
  double y = frame.level * height - verticalScrollBar()->value();
  if (flipped_) {
    const double below = verticalScrollBar()->maximum() - verticalScrollBar()->value();
    y = area.height() - (frame.level + 1) * height + below;
  }
  return {area.x() + static_cast<double>(frame.x) * scale, area.y() + y,
          static_cast<double>(frame.width) * scale, height};
}

QString FlameView::nameOf(std::uint32_t node) const {
  if (!tree_ || node >= tree_->nodes.size()) return {};
  if (node == 0) return QStringLiteral("all");
  const std::string& name = tree_->names[tree_->nodes[node].name];
  return name.empty() ? QStringLiteral("(no name)") : QString::fromStdString(name);
}

QString FlameView::describe(std::uint32_t node) const {
  if (!tree_ || node >= tree_->nodes.size()) return {};
  const Node& n = tree_->nodes[node];
  const Node& root = tree_->nodes[0];
  const model::Unit unit = unitFromName(QString::fromStdString(tree_->unit));
  const auto value = [unit](double v, bool isSigned = false) { return formatValue(unit, v, isSigned); };
  QStringList parts{QStringLiteral("total %1").arg(value(n.total)),
                    QStringLiteral("self %1").arg(value(n.self))};
  if (root.total != 0) parts << QStringLiteral("%1 of all").arg(formatFraction(n.total / root.total));
  if (tree_->hasBaseline) {
    QString change = QStringLiteral("change %1").arg(value(n.total - n.baseTotal, true));
    if (n.baseTotal != 0 && n.total != 0) {
      change +=
          QStringLiteral(" (%1)").arg(formatFraction((n.total - n.baseTotal) / std::fabs(n.baseTotal), true));
    } else if (n.baseTotal == 0 && n.total != 0) {
      change += QStringLiteral(" (new)");
    } else if (n.baseTotal != 0) {
      change += QStringLiteral(" (gone)");
    }
    parts << change;
  }
  if (n.module < tree_->modules.size() && node != 0)
    parts << QString::fromStdString(tree_->modules[n.module]);
  return parts.join(QStringLiteral("  ·  "));
}

QColor FlameView::colorOf(std::uint32_t node) const {
  const Node& n = tree_->nodes[node];
  switch (coloring_) {
    case FlameColoring::kChange:
      return divergingColor(largestChange_ > 0 ? (n.total - n.baseTotal) / largestChange_ : 0);
    case FlameColoring::kSelf:
      return sequentialColor(n.total != 0 ? n.self / n.total : 0);
    case FlameColoring::kModule:
      break;
  }
  if (node == 0) return theme().same;
  const QColor base = moduleColor(n.module < moduleRanks_.size() ? moduleRanks_[n.module] : 0);
  // Neighbours of one module differ a little, always alike for one name.
  const std::size_t shade = std::hash<std::string>{}(tree_->names[n.name]) % 5;
  return mixColors(base, theme().surface, 0.1 * static_cast<double>(shade));
}

void FlameView::drawLabel(QPainter& painter, std::uint32_t node, const QRectF& rect,
                          const QColor& background) const {
  constexpr double kPadding = 4;
  const double room = rect.width() - 2 * kPadding;
  if (room < 14) return;
  const QFontMetricsF metrics = QFontMetricsF(font());
  const Node& n = tree_->nodes[node];
  const model::Unit unit = unitFromName(QString::fromStdString(tree_->unit));
  const QString value =
      tree_->hasBaseline ? formatValue(unit, n.total - n.baseTotal, true) : formatValue(unit, n.total);
  const QString name = nameOf(node);
  const double nameWidth = metrics.horizontalAdvance(name);
  const double valueWidth = metrics.horizontalAdvance(value);
  painter.setPen(inkOn(background));
  const QRectF inner = rect.adjusted(kPadding, 0, -kPadding, 0);
  if (nameWidth + valueWidth + 16 <= room) {
    painter.drawText(inner, Qt::AlignLeft | Qt::AlignVCenter, name);
    painter.drawText(inner, Qt::AlignRight | Qt::AlignVCenter, value);
  } else {
    painter.drawText(inner, Qt::AlignLeft | Qt::AlignVCenter,
                     nameWidth <= room ? name : fittedName(name, metrics, room));
  }
}

void FlameView::drawFrame(QPainter& painter, const FrameRect& frame, const QRectF& rect) const {
  QRectF box = rect.adjusted(0, 0, rect.width() > 3 ? -1 : 0, -1);
  if (frame.isRest) {
    painter.fillRect(box, mixColors(theme().muted, theme().surface, 0.55));
    return;
  }
  QColor color = colorOf(frame.node);
  const bool isAncestor = frame.level < tree_->nodes[zoom_].depth;
  if (isAncestor) color = mixColors(color, theme().surface, 0.55);
  if (!matches_.matched.empty()) {
    const bool matched = matches_.matched[frame.node] != 0;
    color = matched ? (theme().dark ? QColor(0xd65ba5) : QColor(0xb5297f))
                    : mixColors(color, theme().surface, 0.65);
  }
  painter.fillRect(box, color);
  drawLabel(painter, frame.node, box, color);
}

void FlameView::draw(QPainter& painter, const QRectF& area) const {
  painter.fillRect(area, theme().surface);
  if (!tree_) return;
  painter.setFont(font());
  for (const FrameRect& frame : frames_) {
    const QRectF rect = placed(frame, area);
    if (rect.bottom() < area.top() || rect.top() > area.bottom()) continue;
    drawFrame(painter, frame, rect);
  }
}

void FlameView::paintEvent(QPaintEvent*) {
  const QSize size = viewport()->size();
  if (picture_.isNull() || picture_.deviceIndependentSize().toSize() != size) {
    picture_ = QPixmap(size * devicePixelRatioF());
    picture_.setDevicePixelRatio(devicePixelRatioF());
    QPainter painter(&picture_);
    draw(painter, QRectF(QPointF(), size));
  }
  QPainter painter(viewport());
  painter.drawPixmap(0, 0, picture_);
  const auto outline = [&](std::uint32_t node, const QColor& color, double width) {
    const QRectF rect = rectOf(node);
    if (rect.isNull()) return;
    painter.setPen(QPen(color, width));
    painter.drawRect(rect.adjusted(0.5, 0.5, -1.5, -1.5));
  };
  if (hovered_ != kNoNode) outline(hovered_, theme().text, 1);
  if (selected_ != kNoNode) outline(selected_, theme().text, 2);
}

QRectF FlameView::rectOf(std::uint32_t node) const {
  for (const FrameRect& frame : frames_) {
    if (frame.node == node && !frame.isRest) return placed(frame, QRectF(viewport()->rect()));
  }
  return {};
}

std::uint32_t FlameView::nodeAt(const QPointF& viewportPosition) const {
  for (const FrameRect& frame : frames_) {
    if (!frame.isRest && placed(frame, QRectF(viewport()->rect())).contains(viewportPosition))
      return frame.node;
  }
  return kNoNode;
}

void FlameView::resizeEvent(QResizeEvent*) {
  relayout();
}

void FlameView::scrollContentsBy(int, int) {
  invalidate();
}

void FlameView::mouseMoveEvent(QMouseEvent* event) {
  const std::uint32_t node = nodeAt(event->position());
  if (node == hovered_) return;
  hovered_ = node;
  viewport()->update();
  Q_EMIT hovered(node);
}

void FlameView::mouseReleaseEvent(QMouseEvent* event) {
  const std::uint32_t node = nodeAt(event->position());
  if (event->button() != Qt::LeftButton || node == kNoNode) return;
  select(node);
  zoomTo(node);
}

void FlameView::contextMenuEvent(QContextMenuEvent* event) {
  const std::uint32_t node = nodeAt(event->pos());
  if (node == kNoNode) return;
  select(node);
  Q_EMIT menuRequested(node, event->globalPos());
}

bool FlameView::viewportEvent(QEvent* event) {
  if (event->type() == QEvent::Leave) {
    hovered_ = kNoNode;
    viewport()->update();
    Q_EMIT hovered(kNoNode);
  }
  if (event->type() == QEvent::ToolTip) {
    const auto* help = static_cast<QHelpEvent*>(event);
    const std::uint32_t node = nodeAt(help->pos());
    if (node != kNoNode) {
      QString text = describe(node);
      text.replace(QStringLiteral("  ·  "), QStringLiteral("\n"));
      QToolTip::showText(help->globalPos(), nameOf(node) + u'\n' + text, this);
    }
    return true;
  }
  return QAbstractScrollArea::viewportEvent(event);
}

void FlameView::changeEvent(QEvent* event) {
  QAbstractScrollArea::changeEvent(event);
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange) relayout();
}

void FlameView::moveSelection(int key) {
  const std::uint32_t at = selected_ == kNoNode ? zoom_ : selected_;
  const Node& node = tree_->nodes[at];
  std::uint32_t next = at;
  if (selected_ == kNoNode) {
    next = zoom_;
  } else if (key == (flipped_ ? Qt::Key_Up : Qt::Key_Down)) {
    if (node.childCount > 0) next = node.firstChild;
  } else if (key == (flipped_ ? Qt::Key_Down : Qt::Key_Up)) {
    next = node.parent;
  } else if (at != 0) {
    const Node& parent = tree_->nodes[node.parent];
    if (key == Qt::Key_Right && at + 1 < parent.firstChild + parent.childCount) next = at + 1;
    if (key == Qt::Key_Left && at > parent.firstChild) next = at - 1;
  }
  if (rectOf(next).isNull()) return;
  select(next);
  const QRectF rect = rectOf(next);
  if (rect.top() < 0)
    verticalScrollBar()->setValue(verticalScrollBar()->value() + static_cast<int>(rect.top()));
  if (rect.bottom() > viewport()->height()) {
    verticalScrollBar()->setValue(verticalScrollBar()->value() + static_cast<int>(rect.bottom()) -
                                  viewport()->height());
  }
}

void FlameView::keyPressEvent(QKeyEvent* event) {
  if (!tree_ || tree_->nodes.empty()) return;
  switch (event->key()) {
    case Qt::Key_Up:
    case Qt::Key_Down:
    case Qt::Key_Left:
    case Qt::Key_Right:
      moveSelection(event->key());
      return;
    case Qt::Key_Return:
    case Qt::Key_Enter:
      if (selected_ != kNoNode) zoomTo(selected_);
      return;
    case Qt::Key_Home:
      zoomTo(0);
      return;
    default:
      QAbstractScrollArea::keyPressEvent(event);
  }
}

}  // namespace heapprof::gui

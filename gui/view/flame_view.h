// The flame graph's canvas: frames come from arrays (FlameLayout) and are drawn in one paint into a cached
// picture; a hover or a selection only draws over it. What is narrower than half a pixel is drawn together,
// never dropped.
//
// Invariant: zoom_, selected_ and hovered_ are nodes of tree_. Owner: FlamePage; GUI thread; the tree is
// immutable.
#pragma once

#include <QAbstractScrollArea>
#include <QPixmap>
#include <QRegularExpression>
#include <memory>
#include <vector>

#include "gui/model/flame_layout.h"

namespace heapprof::gui {

enum class FlameColoring { kModule, kChange, kSelf };

class FlameView final : public QAbstractScrollArea {
  Q_OBJECT

 public:
  static constexpr std::uint32_t kNoNode = 0xffffffffu;

  explicit FlameView(QWidget* parent = nullptr);

  void setTree(std::shared_ptr<const analysis::CallTree> tree);
  const analysis::CallTree* tree() const { return tree_.get(); }
  void setFlipped(bool flipped);
  bool isFlipped() const { return flipped_; }
  void setColoring(FlameColoring coloring);
  const FlameMatches& search(const QRegularExpression& expression);  // an empty pattern ends the search

  std::uint32_t zoomNode() const { return zoom_; }
  void zoomTo(std::uint32_t node);
  std::uint32_t selectedNode() const { return selected_; }
  void select(std::uint32_t node);

  std::uint32_t nodeAt(const QPointF& viewportPosition) const;  // kNoNode: none
  QRectF rectOf(std::uint32_t node) const;  // on the viewport; null when it is not drawn at this zoom
  QString nameOf(std::uint32_t node) const;
  QString describe(std::uint32_t node) const;  // one line: total, self, share, change
  QColor colorOf(std::uint32_t node) const;
  const std::vector<std::uint32_t>& moduleRanks() const { return moduleRanks_; }
  void draw(QPainter& painter, const QRectF& area) const;

 Q_SIGNALS:
  void hovered(quint32 node);
  void selectionChanged(quint32 node);
  void zoomed(quint32 node);
  void menuRequested(quint32 node, const QPoint& globalPosition);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void scrollContentsBy(int dx, int dy) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void contextMenuEvent(QContextMenuEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool viewportEvent(QEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  double rowHeight() const;
  QRectF placed(const FrameRect& frame, const QRectF& area) const;
  void relayout();
  void invalidate();
  void drawFrame(QPainter& painter, const FrameRect& frame, const QRectF& rect) const;
  void drawLabel(QPainter& painter, std::uint32_t node, const QRectF& rect, const QColor& background) const;
  void moveSelection(int key);
  void rankModules();

  std::shared_ptr<const analysis::CallTree> tree_;
  FlameLayout layout_;
  std::vector<FrameRect> frames_;  // at this zoom and width
  std::vector<std::uint32_t> moduleRanks_;
  FlameMatches matches_;
  QRegularExpression expression_;
  double largestChange_ = 0;
  std::uint32_t levels_ = 0;  // rows at this zoom
  std::uint32_t zoom_ = 0;
  std::uint32_t selected_ = kNoNode;
  std::uint32_t hovered_ = kNoNode;
  bool flipped_ = false;
  FlameColoring coloring_ = FlameColoring::kModule;
  QPixmap picture_;
};

}  // namespace heapprof::gui

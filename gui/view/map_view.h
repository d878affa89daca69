// The heap as a raster of huge pages. Colours are swept on a worker into one picture of a pixel a cell; a pan
// or a zoom is a blit of it. Where cells are large enough, each shows its own granules.
//
// Invariant: picture_ has layout_.columns x layout_.rows() pixels or is null; selected_ is a row of the map
// or kNoUnit. Owner: MapPage; GUI thread.
#pragma once

#include <QAbstractScrollArea>
#include <QImage>
#include <memory>
#include <vector>

#include "gui/model/map_layout.h"
#include "gui/model/runner.h"
#include "gui/view/map_colors.h"
#include "profiler/model/snapshot.h"

namespace heapprof::gui {

class MapView final : public QAbstractScrollArea {
  Q_OBJECT

 public:
  MapView(Session& session, QWidget* parent);

  void setMap(std::shared_ptr<const analysis::HeapMap> map, model::SnapshotPtr snapshot);
  const analysis::HeapMap* map() const { return map_.get(); }
  void setColoring(MapColoring coloring);
  void setOrder(MapOrder order);
  void fit();
  void zoomBy(int steps);  // around the huge page in front, else the middle
  void zoomAround(int steps, const QPointF& viewportPosition);
  int cellPixels() const { return cell_; }
  std::uint32_t columns() const { return layout_.columns; }

  std::uint32_t selectedUnit() const { return selected_; }
  void select(std::uint32_t unit);
  std::uint32_t unitAt(const QPointF& viewportPosition) const;
  QRectF rectOf(std::uint32_t unit) const;  // on the viewport
  QString describe(std::uint32_t unit) const;
  std::vector<LegendEntry> legend() const;  // of what is drawn at this zoom
  void draw(QPainter& painter) const;

 Q_SIGNALS:
  void selectionChanged(quint32 unit);
  void hovered(quint32 unit);
  void scaleChanged();

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void scrollContentsBy(int dx, int dy) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool viewportEvent(QEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  void relayout();
  void recolor();
  void indexGranules();
  void updateScrollBars();
  double rowTop(std::size_t row) const;  // in content coordinates
  std::size_t rowAt(double contentY) const;
  QRectF cellRect(std::size_t cell) const;  // on the viewport
  QRectF minimapRect() const;
  QRectF minimapWindow() const;  // what the viewport shows, on the minimap
  void drawRows(QPainter& painter) const;
  void drawCells(QPainter& painter, std::size_t fromRow, std::size_t toRow) const;
  void drawLabels(QPainter& painter) const;
  bool showsGranules() const;
  void drawGranules(QPainter& painter) const;
  void drawMinimap(QPainter& painter) const;
  QString rowLabel(std::size_t row) const;

  Runner painterWork_;
  std::shared_ptr<const analysis::HeapMap> map_;
  model::SnapshotPtr snapshot_;
  MapLayout layout_;
  std::vector<std::uint32_t> cellOfUnit_;
  std::vector<std::uint32_t> gapsAbove_;  // a row: gaps before and including it
  std::vector<std::uint32_t>
      granuleRow_;  // of a unit: its row in HugePages; empty when the dump has no bitmaps
  QImage picture_;
  MapColoring coloring_ = MapColoring::kState;
  MapOrder order_ = MapOrder::kAddress;
  int cell_ = 1;
  bool fitted_ = true;
  std::uint32_t selected_ = kNoUnit;
  std::uint32_t hovered_ = kNoUnit;
  QPointF pressedAt_;
  QPoint scrollAtPress_;
  bool dragging_ = false;
  bool onMinimap_ = false;
};

}  // namespace heapprof::gui

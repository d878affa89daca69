// The heap map page: the raster, its legend, and the inspector of the huge page in front.
#pragma once

#include <memory>

#include "gui/view/page_base.h"
#include "profiler/analysis/analyses.h"

class QComboBox;
class QLabel;

namespace heapprof::gui {

class ElidedLabel;
class MapView;
class UnitInspector;

class MapPage final : public Page {
  Q_OBJECT

 public:
  MapPage(Session& session, QWidget* parent);

  QString selectedFunction() const override;
  QString selectionAsTsv() const override;
  std::shared_ptr<const model::Table> exportTable() const override;
  void renderTo(QPainter& painter) override;
  MapView& view() { return *view_; }
  UnitInspector& inspector() { return *inspector_; }

 protected:
  void refresh() override;
  void themeChanged() override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  QWidget* createBar();
  void show(std::shared_ptr<const analysis::HeapMap> map);
  void inspect(quint32 unit);
  void updateLegend();

  MapView* view_;
  UnitInspector* inspector_;
  QComboBox* coloring_;
  QComboBox* order_;
  QLabel* legend_;
  QLabel* scale_;
  ElidedLabel* detail_;
  Runner inspectorWork_;
  bool wasDiff_ = false;
  bool choseForYou_ = true;  // the huge page in front was not picked by a person
};

Page* createMapPage(Session& session, QWidget* parent);

}  // namespace heapprof::gui

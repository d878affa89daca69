// One huge page up close: its figures, its 512 pages, the extents in it and the stacks that hold it.
#pragma once

#include <QWidget>
#include <vector>

#include "profiler/analysis/analyses.h"

class QLabel;
class QTableView;

namespace heapprof::gui {

class TableModel;

// What a page of the raster is; the first four are UnitDetail's.
enum class PageLook : std::uint8_t { kUnknown, kAbsent, kFree, kFull, kPartly, kNearlyEmpty };

// The pages of one huge page as a raster, 32 a row, in address order; in use by the same colours as the map.
class PageStrip final : public QWidget {
  Q_OBJECT

 public:
  explicit PageStrip(QWidget* parent = nullptr);
  void setPages(std::vector<PageLook> pages);
  const std::vector<PageLook>& pages() const { return pages_; }
  QSize sizeHint() const override;
  static QColor colorOf(PageLook look);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  std::vector<PageLook> pages_;
};

class UnitInspector final : public QWidget {
  Q_OBJECT

 public:
  explicit UnitInspector(QWidget* parent = nullptr);
  void clear();
  void showUnit(const analysis::HeapMap& map, std::uint32_t unit);      // at once
  void showDetail(std::shared_ptr<const analysis::UnitDetail> detail);  // when the worker is done
  void showProblem(const QString& message);
  QString selectedFunction() const;
  const PageStrip& strip() const { return *strip_; }
  QTableView* stacksView() const { return stacksView_; }

 private:
  QLabel* title_;
  QLabel* facts_;
  PageStrip* strip_;
  QLabel* stripLegend_;
  QLabel* stacksTitle_;
  QLabel* extentsTitle_;
  TableModel* stacks_;
  TableModel* extents_;
  QTableView* stacksView_;
  QTableView* extentsView_;
};

}  // namespace heapprof::gui

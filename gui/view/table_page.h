// A page made of tables: the analysis is given as a function, the rest (search, sorting, copy, focus on a
// row's function, notes) is the same for all. Fragmentation, Purging, Compare and About are of this class.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"

#include "gui/view/page_base.h"
#include "profiler/analysis/analyses.h"

class QHBoxLayout;
class QLabel;
class QLineEdit;
class QSplitter;
class QTableView;

namespace heapprof::gui {

class ElidedLabel;
class HistogramStrip;

class TableModel;

class TablePage final : public Page {
  Q_OBJECT

 public:
  // Runs on a worker. The number of tables is the same each time: as many as the layout has places, and after
  // them those of the strip where the page has one.
  using Source =
      std::function<absl::StatusOr<std::vector<model::Table>>(const model::Query&, const analysis::Cancel&)>;

  // Tables in each line from top to bottom, and the one that has the keyboard and takes the room that is
  // left.
  struct Layout {
    std::vector<int> perLine;
    std::size_t main = 0;
  };

  TablePage(Session& session, Layout layout, Source source, QWidget* parent);

  // Histograms under a table that has few rows: shown where its box has room for both.
  void addStrip(std::size_t under);
  HistogramStrip* strip() const { return strip_; }

  void startSearch() override;
  void goUp() override;
  QString selectedFunction() const override;
  QString selectionAsTsv() const override;
  std::shared_ptr<const model::Table> exportTable() const override;
  QTableView* tableView(std::size_t at) const { return parts_[at].view; }

 protected:
  void refresh() override;

 private:
  struct Part {
    QWidget* box = nullptr;
    QHBoxLayout* head = nullptr;
    ElidedLabel* title = nullptr;
    QLabel* notes = nullptr;  // what a reader of this table must know
    QTableView* view = nullptr;
    TableModel* model = nullptr;
  };
  Part createPart(QWidget* parent);
  const Part& current() const;
  void show(const std::shared_ptr<const std::vector<model::Table>>& tables);
  void shareHeight();
  void placeStrip();
  bool eventFilter(QObject* watched, QEvent* event) override;
  void applySearch();

  Layout layout_;
  Source source_;
  QLineEdit* search_;
  QSplitter* splitter_;
  std::vector<Part> parts_;
  HistogramStrip* strip_ = nullptr;
  std::size_t stripUnder_ = 0;
};

Page* createFragmentationPage(Session& session, QWidget* parent);
Page* createPurgePage(Session& session, QWidget* parent);
Page* createComparePage(Session& session, QWidget* parent);
Page* createInfoPage(Session& session, QWidget* parent);

}  // namespace heapprof::gui

// Where RSS went, and the five findings that are worth most: each a card that leads to the page that shows
// it.
#pragma once

#include <vector>

#include "absl/status/statusor.h"

#include "gui/view/page_base.h"
#include "profiler/analysis/analyses.h"

class QLabel;
class QScrollArea;
class QVBoxLayout;

namespace heapprof::gui {

class ElidedLabel;
class EmptyState;
class WaterfallView;

class OverviewPage final : public Page {
  Q_OBJECT

 public:
  OverviewPage(Session& session, QWidget* parent);
  std::shared_ptr<const model::Table> exportTable() const override { return waterfall_; }
  QString selectionAsTsv() const override;  // the whole account: it is read as one
  const WaterfallView& waterfallView() const { return *chart_; }

 protected:
  void refresh() override;

 private:
  struct Answer {
    absl::StatusOr<model::Table> waterfall;
    absl::StatusOr<std::vector<analysis::Finding>> findings;
    absl::StatusOr<model::Table> owners;
  };
  void show(const std::shared_ptr<const Answer>& answer);
  void showFindings(const std::vector<analysis::Finding>& findings);
  void showHolders(const model::Table& owners);
  void describeDump();

  QLabel* title_;
  QLabel* facts_;
  ElidedLabel* chartTitle_;
  QLabel* chartNote_;
  WaterfallView* chart_;
  EmptyState* noChart_;
  QScrollArea* scroll_;  // around the cards
  QVBoxLayout* cards_;
  QWidget* holders_;
  QWidget* holderGrid_ = nullptr;
  std::shared_ptr<const model::Table> waterfall_;
};

Page* createOverviewPage(Session& session, QWidget* parent);

}  // namespace heapprof::gui

#include "gui/view/unit_inspector.h"

#include <QLabel>
#include <QPainter>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <cmath>

#include "gui/model/table_model.h"
#include "gui/model/units.h"
#include "gui/view/map_colors.h"
#include "gui/view/table_style.h"
#include "gui/view/theme.h"

namespace heapprof::gui {
namespace {

constexpr int kPagesPerRow = 32;
constexpr int kStripHeight = 128;
constexpr std::size_t kLooks = 6;

// A resident page whose slab is nearly empty is the waste that the picture is for.
std::vector<PageLook> pageLooks(const analysis::UnitDetail& detail) {
  std::vector<PageLook> looks;
  for (std::size_t page = 0; page < detail.pageState.size(); ++page) {
    auto look = static_cast<PageLook>(std::min<std::uint8_t>(detail.pageState[page], 3));
    const double live =
        page < detail.pageLive.size() ? static_cast<double>(detail.pageLive[page]) : std::nan("");
    if (look == PageLook::kFull && live < kNearlyEmptyBelow) look = PageLook::kNearlyEmpty;
    if (look == PageLook::kFull && live < kFullFrom) look = PageLook::kPartly;
    looks.push_back(look);
  }
  return looks;
}

QString knownBytes(const std::vector<float>& values, std::uint32_t unit, double unitBytes) {
  if (unit >= values.size() || std::isnan(values[unit])) return QStringLiteral("unknown");
  const double share = static_cast<double>(values[unit]);
  return QStringLiteral("%1 (%2)").arg(formatBytes(share * unitBytes), formatFraction(share));
}

QString factRow(const char* name, const QString& value) {
  return QStringLiteral("<tr><td style='color:%1; padding-right:14px'>%2</td><td>%3</td></tr>")
      .arg(theme().muted.name(), QLatin1String(name), value.toHtmlEscaped());
}

QLabel* heading(const QString& text, QWidget* parent) {
  auto* label = new QLabel(text, parent);
  QFont bold = label->font();
  bold.setBold(true);
  label->setFont(bold);
  return label;
}

}  // namespace

PageStrip::PageStrip(QWidget* parent) : QWidget(parent) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void PageStrip::setPages(std::vector<PageLook> pages) {
  pages_ = std::move(pages);
  setVisible(!pages_.empty());
  update();
}

QSize PageStrip::sizeHint() const {
  return {300, kStripHeight};
}

QColor PageStrip::colorOf(PageLook look) {
  switch (look) {
    case PageLook::kAbsent:
      return theme().none;
    case PageLook::kFree:
      return theme().dirty;
    case PageLook::kFull:
      return theme().live;
    case PageLook::kPartly:
      return theme().slack;
    case PageLook::kNearlyEmpty:
      return theme().more;
    case PageLook::kUnknown:
      break;
  }
  return theme().unknown;
}

void PageStrip::paintEvent(QPaintEvent*) {
  if (pages_.empty()) return;
  QPainter painter(this);
  const int count = static_cast<int>(pages_.size());
  const int rows = (count + kPagesPerRow - 1) / kPagesPerRow;
  const int cellHeight = std::max(2, height() / std::max(1, rows));
  for (int page = 0; page < count; ++page) {
    const int left = (page % kPagesPerRow) * width() / kPagesPerRow;
    const int right = (page % kPagesPerRow + 1) * width() / kPagesPerRow;
    const QRect cell(left, (page / kPagesPerRow) * cellHeight, right - left - 1, cellHeight - 1);
    painter.fillRect(cell, colorOf(pages_[static_cast<std::size_t>(page)]));
  }
}

UnitInspector::UnitInspector(QWidget* parent) : QWidget(parent) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(12, 2, 0, 0);
  column->setSpacing(6);
  title_ = new QLabel(this);
  title_->setObjectName(QStringLiteral("h2"));
  facts_ = new QLabel(this);
  facts_->setTextFormat(Qt::RichText);
  facts_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  strip_ = new PageStrip(this);
  stripLegend_ = new QLabel(this);
  stripLegend_->setObjectName(QStringLiteral("small"));
  stripLegend_->setTextFormat(Qt::RichText);
  stripLegend_->setWordWrap(true);
  stacks_ = new TableModel(this);
  extents_ = new TableModel(this);
  stacksView_ = new QTableView(this);
  extentsView_ = new QTableView(this);
  stacksTitle_ = heading(QStringLiteral("Who holds it, by sampling"), this);
  extentsTitle_ = heading(QStringLiteral("Extents in it"), this);
  column->addWidget(title_);
  column->addWidget(facts_);
  column->addWidget(strip_);
  column->addWidget(stripLegend_);
  column->addWidget(stacksTitle_);
  column->addWidget(stacksView_, 1);
  column->addWidget(extentsTitle_);
  column->addWidget(extentsView_, 1);
  styleTable(stacksView_, stacks_);
  styleTable(extentsView_, extents_);
  clear();
}

void UnitInspector::clear() {
  title_->setText(QStringLiteral("Click a huge page"));
  facts_->clear();
  showDetail(nullptr);
}

void UnitInspector::showUnit(const analysis::HeapMap& map, std::uint32_t unit) {
  const double bytes = static_cast<double>(map.placementBytes);
  title_->setText(QStringLiteral("Huge page %1").arg(map.index[unit]));
  QString rows;
  rows += factRow("Address",
                  QStringLiteral("0x%1").arg(map.regionStart + map.index[unit] * map.placementBytes, 0, 16));
  rows += factRow("State", unitStateName(unitState(map, unit)));
  rows += factRow("Live", knownBytes(map.liveFraction, unit, bytes));
  rows += factRow("Granules in use", knownBytes(map.usedFraction, unit, bytes));
  rows += factRow("Resident", knownBytes(map.residentFraction, unit, bytes));
  rows += factRow("Kernel maps it as",
                  kernelStateName(unit < map.kernelState.size() ? map.kernelState[unit] : std::uint8_t{0}));
  if (unit < map.ageNanos.size() && map.ageNanos[unit] != 0) {
    rows += factRow("In use for", formatNanos(static_cast<double>(map.ageNanos[unit])));
  }
  if (unit < map.changeFraction.size() && !std::isnan(map.changeFraction[unit])) {
    rows += factRow("Live change", formatBytes(static_cast<double>(map.changeFraction[unit]) * bytes, true));
  }
  facts_->setText(QStringLiteral("<table cellspacing='0'>%1</table>").arg(rows));
}

void UnitInspector::showDetail(std::shared_ptr<const analysis::UnitDetail> detail) {
  const std::vector<PageLook> pages = detail ? pageLooks(*detail) : std::vector<PageLook>();
  std::array<int, kLooks> counts{};
  for (const PageLook look : pages) ++counts[static_cast<std::size_t>(look)];
  // A raster of nothing but "unknown" would only look like an answer.
  const bool knowsPages = counts[0] < static_cast<int>(pages.size());
  strip_->setPages(knowsPages ? pages : std::vector<PageLook>());
  QStringList legend;
  if (detail && !knowsPages) {
    counts[0] = 0;
    legend << QStringLiteral("Single pages: unknown, the dump has no huge_pages.resident_pages.");
  }
  static constexpr const char* kNames[kLooks] = {"unknown", "absent", "free, resident",
                                                 "in use",  "partly", "nearly empty"};
  for (const std::size_t at : {3u, 4u, 5u, 2u, 1u, 0u}) {
    if (counts[at] == 0) continue;
    legend << QStringLiteral("<span style='color:%1'>■</span>&nbsp;%2&nbsp;%3")
                  .arg(PageStrip::colorOf(static_cast<PageLook>(at)).name(),
                       QString::fromLatin1(kNames[at]).replace(u' ', QStringLiteral("&nbsp;")))
                  .arg(counts[at]);
  }
  stripLegend_->setText(legend.join(QStringLiteral(" &nbsp; ")));
  stripLegend_->setVisible(!legend.isEmpty());
  const auto part = [&](const model::Table analysis::UnitDetail::*table) {
    return detail ? std::shared_ptr<const model::Table>(detail, &((*detail).*table)) : nullptr;
  };
  setTableOf(stacksView_, stacks_, part(&analysis::UnitDetail::owners),
             {"share", "help"});  // the share has no room here, the stacks are in the tooltip
  setTableOf(extentsView_, extents_, part(&analysis::UnitDetail::extents),
             {"length", "live_objects", "capacity", "start", "resident"});
  stacksTitle_->setText(detail && stacks_->rowCount() == 0 ? QStringLiteral("No sampled object lies in it")
                                                           : QStringLiteral("Who holds it, by sampling"));
  stacksView_->setVisible(stacks_->rowCount() > 0);
  stacksTitle_->setVisible(detail != nullptr);
  extentsTitle_->setVisible(detail != nullptr);
  extentsView_->setVisible(detail != nullptr);
}

void UnitInspector::showProblem(const QString& message) {
  showDetail(nullptr);
  stripLegend_->setText(message.toHtmlEscaped());
  stripLegend_->setVisible(true);
}

QString UnitInspector::selectedFunction() const {
  const int name = stacks_->columnOf("name");
  const QModelIndex current = stacksView_->currentIndex();
  return name < 0 || !current.isValid() ? QString() : current.siblingAtColumn(name).data().toString();
}

}  // namespace heapprof::gui

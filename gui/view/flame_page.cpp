#include "gui/view/flame_page.h"

#include <QClipboard>
#include <QComboBox>
#include <QFileInfo>
#include <QGuiApplication>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/model/session.h"
#include "gui/model/tree_pivot.h"
#include "gui/model/units.h"
#include "gui/view/command_box.h"
#include "gui/view/flame_view.h"
#include "gui/view/theme.h"

namespace heapprof::gui {
namespace {

QPushButton* quietButton(const QString& text, const QString& help, QWidget* parent) {
  auto* button = new QPushButton(text, parent);
  button->setObjectName(QStringLiteral("quiet"));
  button->setToolTip(help);
  button->setFocusPolicy(Qt::TabFocus);
  return button;
}

QString swatch(const QColor& color, const QString& text) {
  return QStringLiteral("<span style='color:%1'>■</span>&nbsp;%2").arg(color.name(), text.toHtmlEscaped());
}

}  // namespace

FlamePage::FlamePage(Session& session, QWidget* parent) : Page(session, parent) {
  auto* content = new QWidget(this);
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(14, 10, 14, 8);
  column->setSpacing(6);
  column->addWidget(createBar());
  view_ = new FlameView(content);
  column->addWidget(view_, 1);
  detail_ = new ElidedLabel(content);
  column->addWidget(detail_);
  legend_ = new QLabel(content);
  legend_->setTextFormat(Qt::RichText);
  legend_->setObjectName(QStringLiteral("small"));
  legend_->setWordWrap(true);
  legend_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  column->addWidget(legend_);
  setContent(content);
  setFocusProxy(view_);

  connect(view_, &FlameView::hovered, this, &FlamePage::describeNode);
  connect(view_, &FlameView::selectionChanged, this, &FlamePage::describeNode);
  connect(view_, &FlameView::menuRequested, this, &FlamePage::openMenu);
  connect(view_, &FlameView::zoomed, this, [this](quint32 node) { reset_->setEnabled(node != 0); });
}

QWidget* FlamePage::createBar() {
  auto* bar = new QWidget(this);
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(0, 0, 0, 0);
  direction_ = new QComboBox(bar);
  direction_->addItems({QStringLiteral("From main() down"), QStringLiteral("From allocation up")});
  direction_->setToolTip(
      QStringLiteral("Down: callers above, callees below. Up: the allocating function first."));
  coloring_ = new QComboBox(bar);
  coloring_->addItems({QStringLiteral("Colour: module"), QStringLiteral("Colour: change"),
                       QStringLiteral("Colour: own share")});
  flip_ = quietButton(QStringLiteral("Flip"),
                      QStringLiteral("Icicle (root on top) or flame (root at the bottom): I"), bar);
  flip_->setCheckable(true);
  reset_ = quietButton(QStringLiteral("Zoom out"), QStringLiteral("Show everything again: Home"), bar);
  reset_->setEnabled(false);
  unpivot_ = quietButton(QString(), QStringLiteral("Back to the whole graph: P"), bar);
  unpivot_->hide();
  search_ = new QLineEdit(bar);
  search_->setPlaceholderText(QStringLiteral("Search, a regular expression ( / )"));
  search_->setClearButtonEnabled(true);
  search_->setMinimumWidth(110);
  search_->setMaximumWidth(280);
  found_ = new QLabel(bar);
  found_->setObjectName(QStringLiteral("muted"));
  row->addWidget(direction_);
  row->addWidget(coloring_);
  row->addWidget(flip_);
  row->addWidget(reset_);
  row->addWidget(unpivot_);
  row->addStretch(1);
  row->addWidget(found_);
  row->addWidget(search_, 3);
  connect(direction_, &QComboBox::currentIndexChanged, this, [this] {
    if (session().snapshot()) refresh();
  });
  connect(coloring_, &QComboBox::currentIndexChanged, this, [this](int at) {
    view_->setColoring(static_cast<FlameColoring>(at));
    updateLegend();
  });
  connect(flip_, &QPushButton::toggled, this, [this](bool on) { view_->setFlipped(on); });
  connect(reset_, &QPushButton::clicked, this, [this] { view_->zoomTo(0); });
  connect(unpivot_, &QPushButton::clicked, this, &FlamePage::endPivot);
  connect(search_, &QLineEdit::textChanged, this, &FlamePage::applySearch);
  connect(search_, &QLineEdit::returnPressed, this, [this] { view_->setFocus(); });
  return bar;
}

void FlamePage::refresh() {
  const auto direction = static_cast<analysis::TreeDirection>(direction_->currentIndex());
  using Answer = absl::StatusOr<analysis::CallTree>;
  runner().run(
      [query = session().query(), direction](const analysis::Cancel& cancel) -> Answer {
        return analysis::callTree(query, direction, cancel);
      },
      [this](const std::shared_ptr<const Answer>& answer) {
        if (!answer->ok()) {
          showError(answer->status());
          return;
        }
        show(std::shared_ptr<const analysis::CallTree>(answer, &**answer));
      });
}

void FlamePage::show(std::shared_ptr<const analysis::CallTree> tree) {
  if (tree->nodes.size() <= 1) {
    showNothing();
    return;
  }
  unpivot_->hide();
  tree_ = std::move(tree);
  // A comparison is about change: switch to it when a baseline comes, and back when it goes.
  if (tree_->hasBaseline != wasDiff_) {
    wasDiff_ = tree_->hasBaseline;
    coloring_->setCurrentIndex(static_cast<int>(wasDiff_ ? FlameColoring::kChange : FlameColoring::kModule));
  }
  view_->setTree(tree_);
  reset_->setEnabled(view_->zoomNode() != 0);
  applySearch();
  updateLegend();
  describeNode(view_->selectedNode());
  showContent();
}

void FlamePage::startSearch() {
  search_->setFocus();
  search_->selectAll();
}

void FlamePage::applySearch() {
  const QRegularExpression expression(search_->text(), QRegularExpression::CaseInsensitiveOption);
  if (search_->text().isEmpty()) {
    view_->search(QRegularExpression());
    found_->clear();
    return;
  }
  if (!expression.isValid()) {
    found_->setText(expression.errorString());
    return;
  }
  const FlameMatches& matches = view_->search(expression);
  const analysis::CallTree* tree = view_->tree();
  if (tree == nullptr || tree->nodes.empty()) return;
  const model::Unit unit = unitFromName(QString::fromStdString(tree->unit));
  const double all = tree->nodes[0].total;
  found_->setText(matches.count == 0 ? QStringLiteral("no match")
                                     : QStringLiteral("%1 frames, %2 (%3)")
                                           .arg(formatCount(static_cast<double>(matches.count)),
                                                formatValue(unit, matches.matchedTotal),
                                                formatFraction(all != 0 ? matches.matchedTotal / all : 0)));
}

void FlamePage::goUp() {
  if (!search_->text().isEmpty()) {
    search_->clear();
    view_->setFocus();
  } else if (view_->zoomNode() != 0) {
    view_->zoomTo(view_->tree()->nodes[view_->zoomNode()].parent);
  } else if (unpivot_->isVisible()) {
    endPivot();
  }
}

void FlamePage::endPivot() {
  unpivot_->hide();
  view_->setTree(tree_);
  view_->zoomTo(0);
}

void FlamePage::pivot() {
  if (unpivot_->isVisible()) {
    endPivot();
    return;
  }
  const std::uint32_t node = view_->selectedNode();
  if (!tree_ || node == FlameView::kNoNode || node == 0) {
    Q_EMIT notice(QStringLiteral("Select a frame first, then pivot on it."));
    return;
  }
  const QString name = view_->nameOf(node);
  view_->setTree(std::make_shared<const analysis::CallTree>(pivotOn(*tree_, tree_->nodes[node].name)));
  view_->zoomTo(0);
  unpivot_->setText(
      QStringLiteral("Callers of %1 ✕").arg(fontMetrics().elidedText(name, Qt::ElideMiddle, 220)));
  unpivot_->show();
}

QString FlamePage::selectedFunction() const {
  const std::uint32_t node = view_->selectedNode();
  return node == FlameView::kNoNode || node == 0 ? QString() : view_->nameOf(node);
}

QString FlamePage::selectionAsTsv() const {
  const std::uint32_t node = view_->selectedNode();
  const analysis::CallTree* tree = view_->tree();
  if (tree == nullptr || node >= tree->nodes.size()) return {};
  const analysis::CallTree::Node& n = tree->nodes[node];
  QStringList cells{view_->nameOf(node), QString::number(n.total, 'f', 0), QString::number(n.self, 'f', 0)};
  if (tree->hasBaseline) cells << QString::number(n.baseTotal, 'f', 0) << QString::number(n.baseSelf, 'f', 0);
  return cells.join(u'\t');
}

std::shared_ptr<const model::Table> FlamePage::exportTable() const {
  const analysis::CallTree* tree = view_->tree();
  if (tree == nullptr) return nullptr;
  auto table = std::make_shared<model::Table>();
  table->id = "flame";
  const model::Unit unit = unitFromName(QString::fromStdString(tree->unit));
  const auto column = [&](const char* id, model::Unit columnUnit) {
    model::Column c;
    c.id = id;
    c.unit = columnUnit;
    table->columns.push_back(std::move(c));
  };
  column("name", model::Unit::kText);
  column("parent_row", model::Unit::kCount);
  for (const char* id : {"total", "self", "base_total", "base_self"}) column(id, unit);
  for (const analysis::CallTree::Node& node : tree->nodes) {
    table->columns[0].texts.push_back(tree->names[node.name]);
    table->columns[1].values.push_back(node.parent);
    table->columns[2].values.push_back(node.total);
    table->columns[3].values.push_back(node.self);
    table->columns[4].values.push_back(node.baseTotal);
    table->columns[5].values.push_back(node.baseSelf);
  }
  return table;
}

void FlamePage::renderTo(QPainter& painter) {
  view_->draw(painter, QRectF(QPointF(), view_->viewport()->size()));
}

void FlamePage::themeChanged() {
  updateLegend();
}

void FlamePage::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_I) {
    flip_->toggle();
  } else {
    Page::keyPressEvent(event);
  }
}

void FlamePage::describeNode(quint32 node) {
  if (node == FlameView::kNoNode) node = view_->selectedNode();
  if (node == FlameView::kNoNode) node = view_->zoomNode();
  detail_->setText(view_->nameOf(node) + QStringLiteral("  ·  ") + view_->describe(node));
}

void FlamePage::openMenu(quint32 node, const QPoint& globalPosition) {
  QMenu menu(this);
  const QString name = view_->nameOf(node);
  const auto chip = [this, name](FilterChip::Kind kind) { session().addChip({kind, exactly(name)}); };
  menu.addAction(QStringLiteral("Zoom in"), this, [this, node] { view_->zoomTo(node); });
  if (node != 0) {
    menu.addAction(QStringLiteral("Focus: only stacks through it\tF"), this,
                   [chip] { chip(FilterChip::kFocus); });
    menu.addAction(QStringLiteral("Exclude: no stacks through it\tX"), this,
                   [chip] { chip(FilterChip::kIgnore); });
    menu.addAction(QStringLiteral("Hide: drop the frame from stacks"), this,
                   [chip] { chip(FilterChip::kHide); });
    menu.addAction(QStringLiteral("Pivot: all its callers\tP"), this, [this] { pivot(); });
  }
  menu.addSeparator();
  menu.addAction(QStringLiteral("Copy name"), this, [name] { QGuiApplication::clipboard()->setText(name); });
  menu.addAction(QStringLiteral("Copy figures\tCtrl+C"), this,
                 [this] { QGuiApplication::clipboard()->setText(selectionAsTsv()); });
  menu.exec(globalPosition);
}

void FlamePage::updateLegend() {
  const analysis::CallTree* tree = view_->tree();
  if (tree == nullptr) return;
  QStringList parts;
  const model::Unit unit = unitFromName(QString::fromStdString(tree->unit));
  switch (static_cast<FlameColoring>(coloring_->currentIndex())) {
    case FlameColoring::kChange: {
      double largest = 0;
      for (std::size_t i = 1; i < tree->nodes.size(); ++i) {
        largest = std::max(largest, std::abs(tree->nodes[i].total - tree->nodes[i].baseTotal));
      }
      parts << swatch(divergingColor(-1), formatValue(unit, -largest, true))
            << swatch(divergingColor(0), QStringLiteral("no change"))
            << swatch(divergingColor(1), formatValue(unit, largest, true));
      if (!tree->hasBaseline) parts = {QStringLiteral("No baseline: choose one above to see change.")};
      break;
    }
    case FlameColoring::kSelf:
      parts << swatch(sequentialColor(0), QStringLiteral("all in callees"))
            << swatch(sequentialColor(1), QStringLiteral("all its own"));
      break;
    case FlameColoring::kModule: {
      std::vector<std::uint32_t> byRank(tree->modules.size());
      for (std::uint32_t module = 0; module < tree->modules.size(); ++module)
        byRank[view_->moduleRanks()[module]] = module;
      std::vector<std::uint8_t> shown(tree->modules.size(), 0);
      for (std::size_t i = 1; i < tree->nodes.size(); ++i) shown[tree->nodes[i].module] = 1;
      for (std::size_t rank = 0; rank < std::min<std::size_t>(byRank.size(), kModuleColors); ++rank) {
        if (shown[byRank[rank]] == 0) continue;
        const QString file = QFileInfo(QString::fromStdString(tree->modules[byRank[rank]])).fileName();
        parts << swatch(moduleColor(rank), file.isEmpty() ? QStringLiteral("unknown module") : file);
      }
      break;
    }
  }
  parts << (tree->hasBaseline ? QStringLiteral("width: both dumps together, so that new and gone frames show")
                              : QStringLiteral("width: %1").arg(session().metricTitle()));
  legend_->setText(parts.join(QStringLiteral("&nbsp;&nbsp;&nbsp; ")));
}

Page* createFlamePage(Session& session, QWidget* parent) {
  return new FlamePage(session, parent);
}

}  // namespace heapprof::gui

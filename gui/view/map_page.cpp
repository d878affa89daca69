#include "gui/view/map_page.h"

#include <QComboBox>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QSplitter>
#include <QVBoxLayout>
#include <cmath>

#include "gui/model/session.h"
#include "gui/model/units.h"
#include "gui/view/command_box.h"
#include "gui/view/map_view.h"
#include "gui/view/theme.h"
#include "gui/view/unit_inspector.h"

namespace heapprof::gui {

MapPage::MapPage(Session& session, QWidget* parent) : Page(session, parent), inspectorWork_(session) {
  auto* content = new QWidget(this);
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(14, 10, 14, 8);
  column->setSpacing(6);
  auto* splitter = new QSplitter(content);
  auto* left = new QWidget(splitter);
  auto* leftColumn = new QVBoxLayout(left);
  leftColumn->setContentsMargins(0, 0, 0, 0);
  leftColumn->setSpacing(6);
  view_ = new MapView(session, left);
  legend_ = new QLabel(left);
  legend_->setTextFormat(Qt::RichText);
  legend_->setObjectName(QStringLiteral("small"));
  legend_->setWordWrap(true);
  detail_ = new ElidedLabel(left);
  leftColumn->addWidget(createBar());
  leftColumn->addWidget(view_, 1);
  leftColumn->addWidget(detail_);
  leftColumn->addWidget(legend_);
  inspector_ = new UnitInspector(splitter);
  splitter->addWidget(left);
  splitter->addWidget(inspector_);
  splitter->setStretchFactor(0, 1);
  splitter->setStretchFactor(1, 0);
  splitter->setSizes({720, 390});
  splitter->setChildrenCollapsible(false);
  column->addWidget(splitter, 1);
  setContent(content);
  setFocusProxy(view_);
  connect(view_, &MapView::selectionChanged, this, &MapPage::inspect);
  connect(view_, &MapView::scaleChanged, this, &MapPage::updateLegend);
  connect(view_, &MapView::hovered, this, [this](quint32 unit) {
    detail_->setText(view_->describe(unit == kNoUnit ? view_->selectedUnit() : unit));
  });
}

QWidget* MapPage::createBar() {
  auto* bar = new QWidget(this);
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(0, 0, 0, 0);
  coloring_ = new QComboBox(bar);
  coloring_->addItems({QStringLiteral("Colour: state"), QStringLiteral("Colour: occupancy"),
                       QStringLiteral("Colour: kernel's view"), QStringLiteral("Colour: age"),
                       QStringLiteral("Colour: change")});
  coloring_->setToolTip(QStringLiteral("What the colour of a huge page says: C"));
  order_ = new QComboBox(bar);
  order_->addItems({QStringLiteral("Order: address"), QStringLiteral("Order: fullest first")});
  order_->setToolTip(QStringLiteral("By occupancy the map becomes a fragmentation curve: O"));
  for (QComboBox* box : {coloring_, order_}) {
    box->setMinimumWidth(100);  // its longest choice would keep a small window from being small
    row->addWidget(box);
  }
  const auto button = [&](const QString& text, const QString& help, auto action) {
    auto* push = new QPushButton(text, bar);
    push->setObjectName(QStringLiteral("quiet"));
    push->setToolTip(help);
    push->setFocusPolicy(Qt::TabFocus);
    row->addWidget(push);
    connect(push, &QPushButton::clicked, this, action);
  };
  button(QStringLiteral("−"), QStringLiteral("Smaller cells: -"), [this] { view_->zoomBy(-1); });
  button(QStringLiteral("+"), QStringLiteral("Larger cells: +"), [this] { view_->zoomBy(1); });
  button(QStringLiteral("Fit"), QStringLiteral("Show the whole heap: 0"), [this] { view_->fit(); });
  scale_ = new QLabel(bar);
  scale_->setObjectName(QStringLiteral("muted"));
  scale_->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  scale_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  row->addWidget(scale_, 1);
  connect(coloring_, &QComboBox::currentIndexChanged, this, [this](int at) {
    view_->setColoring(static_cast<MapColoring>(at));
    updateLegend();
  });
  connect(order_, &QComboBox::currentIndexChanged, this, [this](int at) {
    view_->setOrder(static_cast<MapOrder>(at));
    updateLegend();
  });
  return bar;
}

void MapPage::refresh() {
  using Answer = absl::StatusOr<analysis::HeapMap>;
  runner().run([query = session().query()](
                   const analysis::Cancel& cancel) -> Answer { return analysis::heapMap(query, cancel); },
               [this](const std::shared_ptr<const Answer>& answer) {
                 if (!answer->ok()) {
                   showError(answer->status());
                   return;
                 }
                 show(std::shared_ptr<const analysis::HeapMap>(answer, &**answer));
               });
}

void MapPage::show(std::shared_ptr<const analysis::HeapMap> map) {
  if (map->index.empty()) {
    showMessage(
        QStringLiteral("The dump lists no huge pages"),
        QStringLiteral("The field huge_pages of its heap snapshot is empty: the program had not allocated "
                       "anything from the heap yet."),
        QStringLiteral("heapprof run -- ./your-service"));
    return;
  }
  const bool isDiff = !map->changeFraction.empty();
  if (isDiff != wasDiff_) {
    wasDiff_ = isDiff;
    coloring_->setCurrentIndex(static_cast<int>(isDiff ? MapColoring::kChange : MapColoring::kState));
  }
  showContent();
  view_->setMap(map, session().snapshot());
  updateLegend();
  // Something is always in front; the page that wastes most is what people look for.
  const bool choose = choseForYou_ || view_->selectedUnit() == kNoUnit;
  view_->select(choose ? mostWasteful(*map) : view_->selectedUnit());
  choseForYou_ = choose;
}

void MapPage::inspect(quint32 unit) {
  const analysis::HeapMap* map = view_->map();
  if (map == nullptr || unit >= map->index.size()) return;
  choseForYou_ = false;
  detail_->setText(view_->describe(unit));
  inspector_->showUnit(*map, unit);
  using Answer = absl::StatusOr<analysis::UnitDetail>;
  inspectorWork_.run(
      [query = session().query(), index = map->index[unit]](const analysis::Cancel&) -> Answer {
        return analysis::unitDetail(query, index);
      },
      [this](const std::shared_ptr<const Answer>& answer) {
        if (answer->ok()) {
          inspector_->showDetail(std::shared_ptr<const analysis::UnitDetail>(answer, &**answer));
        } else {
          const absl::string_view text = answer->status().message();
          inspector_->showProblem(QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())));
        }
      });
}

void MapPage::updateLegend() {
  const analysis::HeapMap* map = view_->map();
  if (map == nullptr) return;
  QStringList parts;
  for (const LegendEntry& entry : view_->legend()) {
    QString label = entry.label.toHtmlEscaped();
    label.replace(u' ', QLatin1String("&nbsp;"));
    parts << QStringLiteral("<span style='color:%1'>■</span>&nbsp;%2").arg(entry.color.name(), label);
  }
  const double unit = static_cast<double>(map->placementBytes);
  scale_->setText(QStringLiteral("%1 huge pages; a cell is %2, a row %3")
                      .arg(formatCount(static_cast<double>(map->index.size())), formatBytes(unit),
                           formatBytes(unit * view_->columns())));
  legend_->setText(parts.join(QStringLiteral("&nbsp;&nbsp;&nbsp; ")));
}

void MapPage::themeChanged() {
  updateLegend();
  inspect(view_->selectedUnit());
}

void MapPage::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_C && event->modifiers() == Qt::NoModifier) {
    coloring_->setCurrentIndex((coloring_->currentIndex() + 1) % kMapColorings);
  } else if (event->key() == Qt::Key_O && event->modifiers() == Qt::NoModifier) {
    order_->setCurrentIndex(1 - order_->currentIndex());
  } else {
    Page::keyPressEvent(event);
  }
}

QString MapPage::selectedFunction() const {
  return inspector_->selectedFunction();
}

QString MapPage::selectionAsTsv() const {
  const analysis::HeapMap* map = view_->map();
  const std::uint32_t unit = view_->selectedUnit();
  if (map == nullptr || unit >= map->index.size()) return {};
  return view_->describe(unit).replace(QStringLiteral("  ·  "), QStringLiteral("\t"));
}

std::shared_ptr<const model::Table> MapPage::exportTable() const {
  const analysis::HeapMap* map = view_->map();
  if (map == nullptr) return nullptr;
  auto table = std::make_shared<model::Table>();
  table->id = "map";
  const auto column = [&](const char* id, model::Unit unit) -> model::Column& {
    table->columns.emplace_back();
    table->columns.back().id = id;
    table->columns.back().unit = unit;
    return table->columns.back();
  };
  const auto fractions = [&](const char* id, const std::vector<float>& values) {
    if (values.empty()) return;
    model::Column& c = column(id, model::Unit::kFraction);
    for (const float value : values) {
      c.values.push_back(static_cast<double>(value));
      c.known.push_back(std::isnan(value) ? 0 : 1);
    }
  };
  model::Column& address = column("address", model::Unit::kAddress);
  for (const std::uint64_t index : map->index) {
    address.values.push_back(static_cast<double>(map->regionStart + index * map->placementBytes));
  }
  fractions("used_fraction", map->usedFraction);
  fractions("live_fraction", map->liveFraction);
  fractions("resident_fraction", map->residentFraction);
  fractions("change_fraction", map->changeFraction);
  model::Column& kernel = column("kernel_state", model::Unit::kText);
  for (const std::uint8_t state : map->kernelState)
    kernel.texts.push_back(kernelStateName(state).toStdString());
  return table;
}

void MapPage::renderTo(QPainter& painter) {
  view_->draw(painter);
}

Page* createMapPage(Session& session, QWidget* parent) {
  return new MapPage(session, parent);
}

}  // namespace heapprof::gui

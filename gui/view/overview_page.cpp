#include "gui/view/overview_page.h"

#include <QDateTime>
#include <QFileInfo>
#include <QGridLayout>
#include <QLabel>
#include <QScrollArea>
#include <QScrollBar>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/model/session.h"
#include "gui/model/units.h"
#include "gui/view/command_box.h"
#include "gui/view/empty_state.h"
#include "gui/view/finding_card.h"
#include "gui/view/page.h"
#include "gui/view/theme.h"
#include "gui/view/waterfall_view.h"

namespace heapprof::gui {
namespace {

// Two columns under the chart, which keeps its room on a laptop's screen.
constexpr std::size_t kHolders = 8;

QString timeText(std::uint64_t nanos) {
  return QDateTime::fromMSecsSinceEpoch(static_cast<qint64>(nanos / 1000000))
      .toString(QStringLiteral("yyyy-MM-dd HH:mm:ss"));
}

QFrame* panel(QWidget* parent) {
  auto* frame = new QFrame(parent);
  frame->setObjectName(QStringLiteral("panel"));
  return frame;
}

QLabel* label(const char* objectName, QWidget* parent) {
  auto* text = new QLabel(parent);
  text->setObjectName(QLatin1String(objectName));
  text->setTextFormat(Qt::PlainText);
  return text;
}

}  // namespace

OverviewPage::OverviewPage(Session& session, QWidget* parent) : Page(session, parent) {
  auto* content = new QWidget(this);
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(18, 14, 18, 14);
  column->setSpacing(4);
  title_ = label("h1", content);
  facts_ = label("muted", content);
  facts_->setWordWrap(true);
  column->addWidget(title_);
  column->addWidget(facts_);
  column->addSpacing(8);

  auto* panels = new QHBoxLayout;
  panels->setSpacing(14);
  QFrame* left = panel(content);
  auto* leftColumn = new QVBoxLayout(left);
  leftColumn->setContentsMargins(16, 12, 16, 12);
  chartTitle_ = new ElidedLabel(left);
  chartTitle_->setObjectName(QStringLiteral("h2"));
  chartNote_ = label("muted", left);
  chartNote_->setWordWrap(true);
  chart_ = new WaterfallView(left);
  leftColumn->addWidget(chartTitle_);
  leftColumn->addWidget(chartNote_);
  leftColumn->addSpacing(6);
  leftColumn->addWidget(chart_, 1);
  noChart_ = new EmptyState(left);
  noChart_->hide();
  leftColumn->addWidget(noChart_, 1);

  scroll_ = new QScrollArea(content);
  scroll_->setWidgetResizable(true);
  scroll_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  auto* list = new QWidget(scroll_);
  cards_ = new QVBoxLayout(list);
  cards_->setContentsMargins(0, 0, 4, 0);
  cards_->setSpacing(10);
  scroll_->setWidget(list);
  holders_ = panel(content);
  auto* leftSide = new QVBoxLayout;
  leftSide->setSpacing(14);
  leftSide->addWidget(left, 1);
  leftSide->addWidget(holders_);
  holders_->hide();
  panels->addLayout(leftSide, 3);
  panels->addWidget(scroll_, 2);
  column->addLayout(panels, 1);
  setContent(content);
}

void OverviewPage::refresh() {
  runner().run(
      [query = session().query()](const analysis::Cancel& cancel) {
        return Answer{analysis::waterfall(query), analysis::findings(query), analysis::owners(query, cancel)};
      },
      [this](const std::shared_ptr<const Answer>& answer) { show(answer); });
}

void OverviewPage::describeDump() {
  const model::SnapshotPtr snapshot = session().snapshot();
  QStringList facts;
  QString name = QFileInfo(QString::fromStdString(snapshot->path())).fileName();
  facts << name;
  const QString program = QString::fromStdString(analysis::programName(*snapshot));
  if (!program.isEmpty()) name = program;
  if (snapshot->hasHeapSnapshot()) {
    const heapprof::Header& header = snapshot->heap().header();
    if (header.pid() != 0) facts << QStringLiteral("pid %1").arg(header.pid());
    if (header.dump_time_nanos() != 0) {
      facts << QStringLiteral("dumped %1 %2")
                   .arg(timeText(header.dump_time_nanos()),
                        QString::fromStdString(analysis::dumpReason(*snapshot)));
    }
    facts << (header.has_sampling_interval_bytes()
                  ? QStringLiteral("a sample every %1")
                        .arg(formatBytes(static_cast<double>(header.sampling_interval_bytes())))
                  : QStringLiteral("sampling was off"));
  } else {
    facts << QStringLiteral("a pprof profile without heap snapshot");
    if (snapshot->columns().timeNanos > 0)
      facts << timeText(static_cast<std::uint64_t>(snapshot->columns().timeNanos));
  }
  facts << QStringLiteral("%1 stacks")
               .arg(formatCount(static_cast<double>(snapshot->columns().samples.size())));
  if (session().hasBaseline()) {
    facts << QStringLiteral("compared with %1")
                 .arg(QFileInfo(QString::fromStdString(session().baseline()->path())).fileName());
  }
  title_->setText(name);
  facts_->setText(facts.join(QStringLiteral("  ·  ")));
}

void OverviewPage::show(const std::shared_ptr<const Answer>& answer) {
  describeDump();
  const bool asChange = session().hasBaseline();
  chartTitle_->setText(asChange ? QStringLiteral("Resident memory changed")
                                : QStringLiteral("Where resident memory went"));
  waterfall_.reset();
  if (answer->waterfall.ok()) {
    waterfall_ = std::shared_ptr<const model::Table>(answer, &*answer->waterfall);
    QStringList notes;
    for (const std::string& note : waterfall_->notes) notes << QString::fromStdString(note);
    chartNote_->setText(notes.join(u'\n'));
  } else {
    const absl::string_view text = answer->waterfall.status().message();
    chartNote_->clear();
    noChart_->setText(QStringLiteral("No account of resident memory"),
                      QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())),
                      QStringLiteral("heapprof run -- ./your-service"));
  }
  chart_->setVisible(waterfall_ != nullptr);
  noChart_->setVisible(waterfall_ == nullptr);
  chartNote_->setVisible(!chartNote_->text().isEmpty());
  chart_->setTable(waterfall_, asChange);
  if (!chart_->bars().empty()) {
    const double first = chart_->bars().front().to;
    const double change = chart_->bars().back().to - first;
    chartTitle_->setText(QStringLiteral("%1: %2").arg(
        chartTitle_->text(), asChange && change == 0 ? QStringLiteral("it did not")
                                                     : formatBytes(asChange ? change : first, asChange)));
  }
  showFindings(answer->findings.ok() ? *answer->findings : std::vector<analysis::Finding>());
  cards_->addStretch(1);
  showHolders(answer->owners.ok() ? *answer->owners : model::Table());
  showContent();
}

void OverviewPage::showFindings(const std::vector<analysis::Finding>& findings) {
  while (QLayoutItem* item = cards_->takeAt(0)) {
    if (QWidget* old = item->widget()) {
      old->hide();  // it goes with the next event loop; until then it must not show
      old->deleteLater();
    }
    delete item;
  }
  auto* heading = label("h2", this);
  heading->setText(findings.empty() ? QStringLiteral("Nothing stands out")
                                    : QStringLiteral("What stands out"));
  cards_->addWidget(heading);
  int rank = 0;
  for (const analysis::Finding& finding : findings) {
    auto* card = new FindingCard(finding, ++rank, this);
    connect(card, &FindingCard::opened, this, [this](const QString& page) {
      if (findPage(page) != nullptr) session().showPage(page);
    });
    cards_->addWidget(card);
  }
  // Narrower than its cards, it would cut their links off: there is no scroll bar below.
  scroll_->widget()->layout()->activate();
  scroll_->setMinimumWidth(scroll_->widget()->minimumSizeHint().width() +
                           scroll_->verticalScrollBar()->sizeHint().width());
}

void OverviewPage::showHolders(const model::Table& owners) {
  const bool asChange = session().hasBaseline();
  const model::Column* held = owners.find(asChange ? "change" : "held");
  const model::Column* name = owners.find("name");
  const bool has = held != nullptr && name != nullptr && owners.rows() > 0 && held->values[0] != 0;
  holders_->setVisible(has);
  delete holderGrid_;  // with its labels
  holderGrid_ = nullptr;
  if (!has) return;
  if (holders_->layout() == nullptr) (new QVBoxLayout(holders_))->setContentsMargins(16, 10, 16, 10);
  holderGrid_ = new QWidget(holders_);
  holders_->layout()->addWidget(holderGrid_);
  auto* grid = new QGridLayout(holderGrid_);
  grid->setContentsMargins(0, 0, 0, 0);
  grid->setVerticalSpacing(4);
  grid->setHorizontalSpacing(10);
  auto* heading = new ElidedLabel(holderGrid_);
  heading->setObjectName(QStringLiteral("h2"));
  heading->setText((asChange ? QStringLiteral("Whose %1 changed most") : QStringLiteral("Who holds most %1"))
                       .arg(session().metricTitle()));
  heading->setToolTip(
      QStringLiteral("By the first function of a stack that is not allocation plumbing: "
                     "malloc, operator new, xmalloc, containers."));
  grid->addWidget(heading, 0, 0, 1, 5);
  const std::size_t shown = std::min(owners.rows(), kHolders);
  const auto perColumn = static_cast<int>((shown + 1) / 2);
  for (std::size_t row = 0; row < shown; ++row) {
    if (held->values[row] == 0) break;
    const int at = static_cast<int>(row);
    const int column = at / perColumn * 3;
    auto* function = new ElidedLabel(holderGrid_);
    function->setFunction(QString::fromStdString(name->texts[row]));
    auto* value = label("", holderGrid_);
    value->setText(formatValue(held->unit, held->values[row], asChange));
    value->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    grid->addWidget(value, at % perColumn + 1, column);
    grid->addWidget(function, at % perColumn + 1, column + 1);
  }
  grid->setColumnStretch(1, 1);
  grid->setColumnMinimumWidth(2, 20);
  grid->setColumnStretch(4, 1);
}

QString OverviewPage::selectionAsTsv() const {
  QString text;
  for (const WaterfallBar& bar : chart_->bars()) text += bar.label + u'\t' + bar.valueText + u'\n';
  return text;
}

Page* createOverviewPage(Session& session, QWidget* parent) {
  return new OverviewPage(session, parent);
}

}  // namespace heapprof::gui

#include "gui/view/overview_page.h"

#include <QDateTime>
#include <QFileInfo>
#include <QGridLayout>
#include <QLabel>
#include <QScrollArea>
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

// As many as fit beside five findings on a laptop's screen.
constexpr std::size_t kHolders = 6;

QString reasonText(heapprof::DumpReason reason) {
  switch (reason) {
    case heapprof::EXIT:
      return QStringLiteral("at exit");
    case heapprof::SIGNAL:
      return QStringLiteral("on a signal");
    case heapprof::API:
      return QStringLiteral("by heapprof_dump()");
    case heapprof::INTERVAL:
      return QStringLiteral("by its interval");
    case heapprof::GROWTH:
      return QStringLiteral("on growth");
    case heapprof::PEAK:
      return QStringLiteral("at a peak");
    case heapprof::NEAR_LIMIT:
      return QStringLiteral("near its memory limit");
    case heapprof::CONTROL:
      return QStringLiteral("on request");
    case heapprof::FATAL_SIGNAL:
      return QStringLiteral("before it was stopped");
    case heapprof::GENERATED:
      return QStringLiteral("by a generator, not a program");
    default:
      return {};
  }
}

QString timeText(std::uint64_t nanos) {
  return QDateTime::fromMSecsSinceEpoch(static_cast<qint64>(nanos / 1000000))
      .toString(QStringLiteral("d MMM yyyy, HH:mm:ss"));
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
  chartTitle_ = label("h2", left);
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

  auto* scroll = new QScrollArea(content);
  scroll->setWidgetResizable(true);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  auto* list = new QWidget(scroll);
  cards_ = new QVBoxLayout(list);
  cards_->setContentsMargins(0, 0, 4, 0);
  cards_->setSpacing(10);
  scroll->setWidget(list);
  panels->addWidget(left, 3);
  panels->addWidget(scroll, 2);
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
                   .arg(timeText(header.dump_time_nanos()), reasonText(header.reason()));
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
  chartTitle_->setText(asChange ? QStringLiteral("How resident memory changed")
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
  showFindings(answer->findings.ok() ? *answer->findings : std::vector<analysis::Finding>());
  if (answer->owners.ok()) showHolders(*answer->owners);
  cards_->addStretch(1);
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
}

void OverviewPage::showHolders(const model::Table& owners) {
  const bool asChange = session().hasBaseline();
  const model::Column* held = owners.find(asChange ? "change" : "held");
  const model::Column* name = owners.find("name");
  if (held == nullptr || name == nullptr || owners.rows() == 0 || held->values[0] == 0) return;
  auto* card = panel(this);
  auto* grid = new QGridLayout(card);
  grid->setContentsMargins(12, 10, 12, 10);
  grid->setVerticalSpacing(4);
  auto* heading = new ElidedLabel(card);
  heading->setObjectName(QStringLiteral("muted"));
  heading->setText((asChange ? QStringLiteral("Whose %1 changed most") : QStringLiteral("Who holds most %1"))
                       .arg(session().metricName()));
  heading->setToolTip(
      QStringLiteral("By the first function of a stack that is not allocation plumbing: "
                     "malloc, operator new, xmalloc, containers."));
  grid->addWidget(heading, 0, 0, 1, 2);
  for (std::size_t row = 0; row < std::min(owners.rows(), kHolders); ++row) {
    if (held->values[row] == 0) break;
    auto* function = new ElidedLabel(QString::fromStdString(name->texts[row]), card);
    function->setToolTip(function->text());
    auto* value = label("", card);
    value->setText(formatValue(held->unit, held->values[row], asChange));
    value->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    grid->addWidget(function, static_cast<int>(row) + 1, 0);
    grid->addWidget(value, static_cast<int>(row) + 1, 1);
  }
  grid->setColumnStretch(0, 1);
  cards_->addWidget(card);
}

Page* createOverviewPage(Session& session, QWidget* parent) {
  return new OverviewPage(session, parent);
}

}  // namespace heapprof::gui

#include "gui/model/session.h"

#include <QRegularExpression>

#include "gui/model/workers.h"
#include "profiler/model/units.h"

namespace heapprof::gui {
namespace {

constexpr qsizetype kMaxHistory = 500;

// Filters of one kind are alternatives of one expression, as pprof's own options hold one expression each.
void appendPattern(std::string& all, const QString& pattern) {
  if (!all.empty()) all += '|';
  all += pattern.toStdString();
}

model::Filters filtersOf(const QVector<FilterChip>& chips) {
  model::Filters filters;
  for (const FilterChip& chip : chips) {
    switch (chip.kind) {
      case FilterChip::kFocus:
        appendPattern(filters.focus, chip.pattern);
        break;
      case FilterChip::kIgnore:
        appendPattern(filters.ignore, chip.pattern);
        break;
      case FilterChip::kHide:
        appendPattern(filters.hide, chip.pattern);
        break;
      case FilterChip::kShow:
        appendPattern(filters.show, chip.pattern);
        break;
      case FilterChip::kShowFrom:
        appendPattern(filters.showFrom, chip.pattern);
        break;
      case FilterChip::kTagFocus:
        filters.tagFocus.push_back(chip.pattern.toStdString());
        break;
      case FilterChip::kTagIgnore:
        filters.tagIgnore.push_back(chip.pattern.toStdString());
        break;
    }
  }
  return filters;
}

}  // namespace

QString chipName(FilterChip::Kind kind) {
  static constexpr const char* kNames[] = {"focus",     "ignore",   "hide",     "show",
                                           "show_from", "tagfocus", "tagignore"};
  return QLatin1String(kNames[kind]);
}

QString exactly(const QString& function) {
  // Only what is special is escaped: the pattern stands in a chip and in a command line, to be read.
  QString quoted;
  for (const QChar c : function) {
    if (QStringLiteral("\\^$.|?*+()[]{}").contains(c)) quoted += u'\\';
    quoted += c;
  }
  return u'^' + quoted + u'$';
}

Session::Session(QObject* parent) : QObject(parent) {
  history_.append(ViewState{});
}

int Session::addDump(model::SnapshotPtr snapshot) {
  snapshot = retiring(std::move(snapshot));  // a map or a page may be the last to let go of it
  for (std::size_t i = 0; i < dumps_.size(); ++i) {
    if (dumps_[i]->path() != snapshot->path()) continue;
    dumps_[i] = std::move(snapshot);
    Q_EMIT dumpsChanged();
    if (static_cast<int>(i) == state().dump || static_cast<int>(i) == state().baseline) Q_EMIT queryChanged();
    return static_cast<int>(i);
  }
  dumps_.push_back(std::move(snapshot));
  Q_EMIT dumpsChanged();
  return static_cast<int>(dumps_.size()) - 1;
}

model::SnapshotPtr Session::snapshot() const {
  const int row = state().dump;
  return row < 0 ? nullptr : dumps_[static_cast<std::size_t>(row)];
}

model::SnapshotPtr Session::baseline() const {
  const int row = state().baseline;
  return row < 0 || row == state().dump ? nullptr : dumps_[static_cast<std::size_t>(row)];
}

model::Query Session::query() const {
  model::Query query;
  query.snapshot = snapshot();
  query.baseline = baseline();
  query.baselineMode = query.baseline ? model::BaselineMode::kDiffBase : model::BaselineMode::kNone;
  query.metric = state().metric.toStdString();
  query.filters = filtersOf(state().chips);
  query.granularity = state().granularity;
  query.nodeFraction = 0;  // a scroll bar can show all rows
  return query;
}

QString Session::metricTitle() const {
  return QString::fromStdString(model::metricTitle(metricName().toStdString()));
}

QString Session::metricName() const {
  const model::SnapshotPtr dump = snapshot();
  if (!dump) return {};
  const absl::optional<std::size_t> type = dump->sampleType(state().metric.toStdString());
  if (!type) return state().metric;
  return QString::fromStdString(dump->sampleTypeNames()[*type]);
}

void Session::push(ViewState next) {
  const ViewState before = state();
  if (next == before) return;
  history_.resize(at_ + 1);
  history_.append(std::move(next));
  if (history_.size() > kMaxHistory) history_.removeFirst();
  at_ = history_.size() - 1;
  announce(before);
}

void Session::announce(const ViewState& before) {
  const ViewState& now = state();
  ViewState samePage = before;
  samePage.page = now.page;
  if (!(samePage == now)) Q_EMIT queryChanged();
  if (before.page != now.page) Q_EMIT pageChanged(now.page);
  Q_EMIT historyChanged();
}

void Session::showPage(const QString& page) {
  ViewState next = state();
  next.page = page;
  if (state().page.isEmpty()) {  // the first page is where history starts, not a step of it
    const ViewState before = state();
    history_[at_] = next;
    announce(before);
    return;
  }
  push(std::move(next));
}

void Session::showDump(int row) {
  showDumpAndBaseline(row, state().baseline);
}

void Session::setBaseline(int row) {
  showDumpAndBaseline(state().dump, row);
}

void Session::showDumpAndBaseline(int row, int baselineRow) {
  const int count = static_cast<int>(dumps_.size());
  if (row < 0 || row >= count || baselineRow >= count) return;
  ViewState next = state();
  next.dump = row;
  next.baseline = baselineRow;
  if (state().dump < 0) {  // as is the first dump
    const ViewState before = state();
    history_[at_] = next;
    announce(before);
    return;
  }
  push(std::move(next));
}

void Session::setMetric(const QString& name) {
  ViewState next = state();
  next.metric = name;
  push(std::move(next));
}

void Session::setGranularity(model::Granularity granularity) {
  ViewState next = state();
  next.granularity = granularity;
  push(std::move(next));
}

void Session::setSuppressions(const QString& path) {
  ViewState next = state();
  next.suppressions = path;
  push(std::move(next));
}

void Session::setChips(const QVector<FilterChip>& chips) {
  if (chips == state().chips) return;
  undo_.append(state().chips);
  ViewState next = state();
  next.chips = chips;
  push(std::move(next));
}

QString Session::addChip(const FilterChip& chip) {
  if (chip.pattern.isEmpty()) return {};
  const QRegularExpression check(chip.pattern);
  if (!check.isValid()) {
    return QStringLiteral("%1: %2 at character %3")
        .arg(chip.pattern, check.errorString())
        .arg(check.patternErrorOffset() + 1);
  }
  QVector<FilterChip> chips = state().chips;
  if (chip.kind == FilterChip::kFocus) {
    chips.removeIf([](const FilterChip& old) { return old.kind == FilterChip::kFocus; });
  }
  if (!chips.contains(chip)) chips.append(chip);
  setChips(chips);
  return {};
}

void Session::removeChip(int row) {
  QVector<FilterChip> chips = state().chips;
  if (row < 0 || row >= chips.size()) return;
  chips.removeAt(row);
  setChips(chips);
}

void Session::clearChips() {
  setChips({});
}

void Session::undoFilter() {
  if (undo_.isEmpty()) return;
  ViewState next = state();
  next.chips = undo_.takeLast();
  push(std::move(next));
  Q_EMIT historyChanged();
}

void Session::goBack() {
  if (!canGoBack()) return;
  const ViewState before = state();
  --at_;
  announce(before);
}

void Session::goForward() {
  if (!canGoForward()) return;
  const ViewState before = state();
  ++at_;
  announce(before);
}

void Session::workBegan() {
  Q_EMIT activityChanged(++activity_);
}

void Session::workEnded() {
  Q_EMIT activityChanged(--activity_);
}

}  // namespace heapprof::gui

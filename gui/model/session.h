// What is being looked at: the open dumps, the one in front, the baseline, and the one query that every page
// answers. Pages never talk to each other; they read query() and change it here.
//
// Invariant: every change of the view (page, dump, baseline, metric, filters, granularity) is one entry of
// the history; Ctrl+Z undoes filters alone. dump() and baseline() are rows of dumps() or -1. Owner: the
// window; GUI thread only. Snapshots are immutable and shared with workers.
#pragma once

#include <QObject>
#include <QString>
#include <QVector>
#include <vector>

#include "profiler/model/query.h"

namespace heapprof::gui {

struct FilterChip {
  enum Kind { kFocus, kIgnore, kHide, kShow, kShowFrom, kTagFocus, kTagIgnore };
  Kind kind = kFocus;
  QString pattern;  // regular expression
  bool operator==(const FilterChip&) const = default;
};

// pprof's name of a filter: "focus", "ignore", ...
QString chipName(FilterChip::Kind kind);

// A regular expression that matches exactly this function.
QString exactly(const QString& function);

struct ViewState {
  QString page;
  int dump = -1;
  int baseline = -1;
  QString metric;
  QVector<FilterChip> chips;
  model::Granularity granularity = model::Granularity::kFunctions;
  QString suppressions;  // a file in LeakSanitizer's format, for leaks; "": none
  bool operator==(const ViewState&) const = default;
};

class Session final : public QObject {
  Q_OBJECT

 public:
  explicit Session(QObject* parent = nullptr);

  const std::vector<model::SnapshotPtr>& dumps() const { return dumps_; }
  int addDump(model::SnapshotPtr snapshot);  // its row; the same path again replaces the old row

  const ViewState& state() const { return history_[at_]; }
  model::SnapshotPtr snapshot() const;  // null without a dump
  model::SnapshotPtr baseline() const;
  bool hasBaseline() const { return baseline() != nullptr; }
  model::Query query() const;
  QString metricName() const;   // the chosen one, else the dump's default
  QString metricTitle() const;  // as a sentence names it: "live bytes"

  void showPage(const QString& page);
  void showDump(int row);
  void showDumpAndBaseline(int row, int baselineRow);
  void setBaseline(int row);  // -1: none
  void setMetric(const QString& name);
  void setGranularity(model::Granularity granularity);
  void setSuppressions(const QString& path);
  // One focus at a time: a new one replaces the old. Others add up. Returns what is wrong with the pattern,
  // or "".
  QString addChip(const FilterChip& chip);
  void removeChip(int row);
  void clearChips();
  bool canUndoFilter() const { return !undo_.isEmpty(); }
  void undoFilter();

  bool canGoBack() const { return at_ > 0; }
  bool canGoForward() const { return at_ + 1 < history_.size(); }
  void goBack();
  void goForward();

  // Workers count themselves in and out; 0 means that all results are on screen.
  int activity() const { return activity_; }
  void workBegan();
  void workEnded();

 Q_SIGNALS:
  void dumpsChanged();
  void queryChanged();
  void pageChanged(const QString& page);
  void historyChanged();
  void activityChanged(int running);

 private:
  void push(ViewState next);
  void announce(const ViewState& before);
  void setChips(const QVector<FilterChip>& chips);

  std::vector<model::SnapshotPtr> dumps_;
  QVector<ViewState> history_;
  qsizetype at_ = 0;
  QVector<QVector<FilterChip>> undo_;
  int activity_ = 0;
};

}  // namespace heapprof::gui

#include "gui/view/page_base.h"

#include <QEvent>
#include <QPainter>
#include <QStackedLayout>

#include "gui/model/session.h"
#include "gui/view/empty_state.h"
#include "gui/view/page.h"

namespace heapprof::gui {
namespace {

// "" when the session has what a page needs; else which part is missing, for pages that have no words of
// their own.
bool hasWhatItNeeds(const Session& session, Needs needs) {
  const model::SnapshotPtr snapshot = session.snapshot();
  switch (needs) {
    case Needs::kSamples:
      return snapshot->columns().samples.size() > 0;
    case Needs::kHeapSnapshot:
      return snapshot->hasHeapSnapshot();
    case Needs::kPurges:
      return snapshot->hasHeapSnapshot() && snapshot->heap().has_purges();
    case Needs::kTimeline:
      return snapshot->hasHeapSnapshot() && (snapshot->heap().timeline().time_nanos_size() > 0 ||
                                             snapshot->heap().timeline().mark_time_nanos_size() > 0);
    case Needs::kTwoDumps:
      return session.hasBaseline();
    case Needs::kNothing:
      break;
  }
  return true;
}

}  // namespace

Page::Page(Session& session, QWidget* parent) : QWidget(parent), session_(session), runner_(session) {
  stack_ = new QStackedLayout(this);
  stack_->setContentsMargins(0, 0, 0, 0);
  empty_ = new EmptyState(this);
  stack_->addWidget(empty_);
  connect(&session, &Session::queryChanged, this, &Page::update);
}

void Page::setContent(QWidget* content) {
  stack_->addWidget(content);
}

void Page::showContent() {
  if (stack_->count() > 1) stack_->setCurrentIndex(1);
}

void Page::showMessage(const QString& title, const QString& text, const QString& command) {
  empty_->setText(title, text, command);
  stack_->setCurrentWidget(empty_);
}

void Page::showNothing() {
  const QString metric = session_.metricName();
  if (!session_.state().chips.isEmpty()) {
    showMessage(QStringLiteral("No stack matches"),
                QStringLiteral("The filters above leave nothing of %1. Undo the last one with Ctrl+Z.")
                    .arg(session_.metricTitle()));
    return;
  }
  const bool wasAlive = metric.startsWith(QLatin1String("inuse"));
  showMessage(QStringLiteral("Nothing to show of %1").arg(session_.metricTitle()),
              wasAlive
                  ? QStringLiteral(
                        "Nothing that was sampled was alive when this dump was taken: a program that "
                        "cleans up before it exits looks like this. Choose “allocated bytes” above for what "
                        "it allocated, or take a dump while it runs:")
                  : QStringLiteral("All samples have the value 0. Choose another metric above."),
              wasAlive ? QStringLiteral("heapprof run --dump signal:USR2 -- ./your-service") : QString());
}

void Page::showError(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kCancelled) return;
  const absl::string_view text = status.message();
  showMessage(QStringLiteral("This dump cannot answer that"),
              QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())));
}

void Page::startSearch() {
  Q_EMIT notice(QStringLiteral("There is nothing to search on this page."));
}

void Page::pivot() {
  Q_EMIT notice(QStringLiteral("The flame graph pivots: Ctrl+2, choose a frame, then P."));
}

void Page::renderTo(QPainter& painter) {
  render(&painter, QPoint(), QRegion(), QWidget::DrawChildren);
}

void Page::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  if (stale_) update();
}

void Page::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) themeChanged();
}

void Page::update() {
  stale_ = true;
  if (!isVisible()) return;
  stale_ = false;
  if (!session_.snapshot()) {
    runner_.cancel();
    showMessage(QStringLiteral("No dump is open"),
                QStringLiteral(
                    "Drop a file here, open one with Ctrl+O, or record one. Any pprof profile opens; dumps "
                    "of libheapprof.so also show huge pages and where RSS went."),
                QStringLiteral("heapprof run -- ./your-service"));
    return;
  }
  if (row_ != nullptr && !hasWhatItNeeds(session_, row_->needs)) {
    runner_.cancel();
    const QStringList parts = QString::fromUtf8(row_->emptyText).split(u'\n');
    showMessage(QStringLiteral("Nothing to show on “%1” yet").arg(QString::fromUtf8(row_->title)),
                parts.value(0), parts.value(1));
    return;
  }
  if (stack_->currentWidget() == empty_) showMessage(QStringLiteral("Working…"), {}, {});
  refresh();
}

}  // namespace heapprof::gui

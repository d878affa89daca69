#include "gui/view/timeline_page.h"

#include <QLabel>
#include <QVBoxLayout>

#include "gui/model/session.h"
#include "gui/view/command_box.h"
#include "gui/view/timeline_view.h"

namespace heapprof::gui {

TimelinePage::TimelinePage(Session& session, QWidget* parent) : Page(session, parent) {
  auto* content = new QWidget(this);
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(14, 10, 14, 8);
  column->setSpacing(6);
  headline_ = new ElidedLabel(content);
  headline_->setObjectName(QStringLiteral("h2"));
  notes_ = new QLabel(content);
  notes_->setObjectName(QStringLiteral("muted"));
  notes_->setTextFormat(Qt::PlainText);
  notes_->setWordWrap(true);
  view_ = new TimelineView(content);
  column->addWidget(headline_);
  column->addWidget(notes_);
  column->addWidget(view_, 1);
  setContent(content);
  setFocusProxy(view_);
}

void TimelinePage::refresh() {
  struct Answer {
    analysis::TimelineResult result;
    TimelineSeriesSet series;
  };
  using Found = absl::StatusOr<Answer>;
  runner().run(
      [query = session().query()](const analysis::Cancel&) -> Found {
        absl::StatusOr<analysis::TimelineResult> result = analysis::timeline(query);
        if (!result.ok()) return result.status();
        TimelineSeriesSet series = timelineSeries(*result);
        return Answer{std::move(*result), std::move(series)};
      },
      [this](const std::shared_ptr<const Found>& found) {
        if (!found->ok()) return showError(found->status());
        const Answer& answer = **found;
        rows_ = {found, &answer.result.rows};
        headline_->setText(timelineHeadline(answer.series));
        QStringList notes;
        const std::string started = analysis::startedAt(*session().snapshot());
        if (!started.empty())
          notes << QStringLiteral("Times count from the program's start at %1.")
                       .arg(QString::fromStdString(started));
        for (const std::string& note : answer.result.rows.notes) notes << QString::fromStdString(note);
        notes_->setText(notes.join(QStringLiteral("  ·  ")));
        notes_->setVisible(!notes.isEmpty());
        view_->setSeries({found, &answer.series});
        showContent();
      });
}

void TimelinePage::goUp() {
  view_->setRow(TimelineView::kNoRow);
}

QString TimelinePage::selectionAsTsv() const {
  const int last = view_->series() ? static_cast<int>(view_->series()->nanos.size()) - 1 : view_->kNoRow;
  return view_->figures(view_->row() == view_->kNoRow ? last : view_->row()).join(u'\t');
}

void TimelinePage::renderTo(QPainter& painter) {
  view_->draw(painter);
}

QString TimelinePage::headline() const {
  return headline_->text();
}

void TimelinePage::themeChanged() {
  view_->update();
}

Page* createTimelinePage(Session& session, QWidget* parent) {
  return new TimelinePage(session, parent);
}

}  // namespace heapprof::gui

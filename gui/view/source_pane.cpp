#include "gui/view/source_pane.h"

#include <QDir>
#include <QFileInfo>
#include <QHeaderView>
#include <QLabel>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/model/row_order_model.h"
#include "gui/model/session.h"
#include "gui/model/table_model.h"
#include "gui/view/command_box.h"
#include "gui/view/table_style.h"
#include "profiler/analysis/analyses.h"

namespace heapprof::gui {
namespace {

constexpr int kFoldedRows = 4;

}  // namespace

SourcePane::SourcePane(Session& session, QWidget* parent)
    : QWidget(parent), session_(session), linesWork_(session), sourceWork_(session) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(4);
  title_ = new ElidedLabel(this);
  title_->setObjectName(QStringLiteral("h2"));
  problem_ = new QLabel(this);
  problem_->setObjectName(QStringLiteral("muted"));
  problem_->setTextFormat(Qt::PlainText);
  problem_->setWordWrap(true);
  problem_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  view_ = new QTableView(this);
  model_ = new TableModel(view_);
  styleTable(view_, model_, &session);
  view_->setAlternatingRowColors(false);  // the eye follows the text, not the row
  column->addWidget(title_);
  column->addWidget(problem_);
  column->addWidget(view_, 1);
  column->addStretch(0);  // for when there is only something to say
}

void SourcePane::refresh() {
  using Answer = absl::StatusOr<analysis::TopResult>;
  lines_ = nullptr;
  model::Query query = session_.query();
  query.granularity = model::Granularity::kLines;
  linesWork_.run(
      [query](const analysis::Cancel& cancel) -> Answer {
        Answer answer = analysis::top(query, cancel);
        if (!answer.ok() || query.baseline == nullptr) return answer;
        for (model::Column& column : answer->table.columns)
          column.isSigned = column.id == "flat" || column.id == "cum";
        return answer;
      },
      [this](const std::shared_ptr<const Answer>& answer) {
        if (!answer->ok()) return;  // the list says why
        lines_ = std::shared_ptr<const model::Table>(answer, &(*answer)->table);
        ask();
      });
}

void SourcePane::showFunction(const QString& name) {
  function_ = name;
  ask();
}

void SourcePane::ask() {
  const model::SnapshotPtr snapshot = session_.snapshot();
  if (!lines_ || function_.isEmpty() || !snapshot) return;
  const QFileInfo dump(QString::fromStdString(snapshot->path()));
  sourceWork_.run(
      [lines = lines_, name = function_, folders = QStringList{QDir::currentPath(), dump.absolutePath()},
       nanos = snapshot->columns().timeNanos](const analysis::Cancel&) {
        return sourceOf(*lines, name, folders, nanos / 1000000000);
      },
      [this](const std::shared_ptr<const SourceAnswer>& answer) { show(answer); });
}

void SourcePane::show(const std::shared_ptr<const SourceAnswer>& answer) {
  QString title = answer->file.isEmpty() ? QStringLiteral("Source") : answer->file;
  for (const std::string& note : answer->table.notes)
    title += QStringLiteral("  ·  ") + QString::fromStdString(note);
  title_->setText(title);
  title_->setToolTip(answer->path);
  problem_->setText(answer->problem);
  problem_->setVisible(!answer->problem.isEmpty());
  view_->setVisible(answer->table.rows() > 0);
  setTableOf(view_, model_, std::shared_ptr<const model::Table>(answer, &answer->table));
  const model::Column* texts = answer->table.find("source");
  isFolded_ = texts == nullptr || std::all_of(texts->texts.begin(), texts->texts.end(),
                                              [](const std::string& text) { return text.empty(); });
  Q_EMIT answered();
  if (answer->heaviest < 0) return;
  const auto& shown = *static_cast<const RowOrderModel*>(view_->model());
  const QModelIndex row = shown.mapFromSource(model_->index(answer->heaviest, 0));
  view_->setCurrentIndex(row);
  view_->scrollTo(row, QAbstractItemView::PositionAtCenter);
}

int SourcePane::foldedHeight() const {
  int height = title_->sizeHint().height();
  const auto add = [&height, this](int more) { height += layout()->spacing() + more; };
  if (!problem_->isHidden()) add(problem_->heightForWidth(width()));
  if (!view_->isHidden()) {
    const int rows =
        std::min(model_->rowCount(), kFoldedRows) * view_->verticalHeader()->defaultSectionSize();
    add(view_->horizontalHeader()->sizeHint().height() + rows + 2 * view_->frameWidth());
  }
  return height;
}

QString SourcePane::title() const {
  return title_->text();
}

QString SourcePane::problem() const {
  return problem_->text();
}

}  // namespace heapprof::gui

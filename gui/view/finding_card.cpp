#include "gui/view/finding_card.h"

#include <QKeyEvent>
#include <QLabel>
#include <QMouseEvent>
#include <QPushButton>
#include <QVBoxLayout>

#include "gui/view/command_box.h"
#include "gui/view/name_fit.h"
#include "gui/view/page.h"
#include "gui/view/theme.h"

namespace heapprof::gui {

FindingCard::FindingCard(const analysis::Finding& finding, int rank, QWidget* parent)
    : QFrame(parent), page_(QString::fromStdString(finding.page)) {
  setObjectName(QStringLiteral("card"));
  setFocusPolicy(Qt::TabFocus);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(12, 10, 12, 8);
  column->setSpacing(6);
  auto* title = new QLabel(
      QStringLiteral("%1. %2").arg(rank).arg(breakableName(QString::fromStdString(finding.title))), this);
  title->setTextFormat(Qt::PlainText);
  title->setWordWrap(true);
  title->setMinimumWidth(80);
  QFont bold = title->font();
  bold.setBold(true);
  title->setFont(bold);
  auto* detail = new QLabel(breakableName(QString::fromStdString(finding.detail)), this);
  detail->setTextFormat(Qt::PlainText);
  detail->setObjectName(QStringLiteral("muted"));
  detail->setWordWrap(true);
  detail->setMinimumWidth(80);
  auto* top = new QHBoxLayout;
  top->setSpacing(8);
  top->addWidget(title, 1);
  const PageRow* target = findPage(page_);
  if (target != nullptr && page_ != QLatin1String("overview")) {
    auto* open = new QPushButton(QStringLiteral("%1 ›").arg(QString::fromUtf8(target->title)), this);
    open->setObjectName(QStringLiteral("quiet"));
    connect(open, &QPushButton::clicked, this, [this] { Q_EMIT opened(page_); });
    top->addWidget(open, 0, Qt::AlignTop);
    setCursor(Qt::PointingHandCursor);
  }
  column->addLayout(top);
  column->addWidget(detail);
  auto* command = new CommandBox(this);
  command->setCommand(QString::fromStdString(finding.command));
  column->addWidget(command);
}

void FindingCard::mouseReleaseEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton && rect().contains(event->position().toPoint())) Q_EMIT opened(page_);
}

void FindingCard::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) {
    Q_EMIT opened(page_);
  } else {
    QFrame::keyPressEvent(event);
  }
}

}  // namespace heapprof::gui

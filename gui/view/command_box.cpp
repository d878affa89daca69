#include "gui/view/command_box.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QPainter>
#include <QPushButton>

#include "gui/view/name_fit.h"
#include "gui/view/theme.h"

namespace heapprof::gui {

QSize ElidedLabel::minimumSizeHint() const {
  return {40, QLabel::minimumSizeHint().height()};
}

void ElidedLabel::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setPen(palette().color(foregroundRole()));
  const QRect room = contentsRect();
  const QString shown = isFunction_ ? fittedName(text(), QFontMetricsF(font()), room.width()) : text();
  painter.drawText(room, Qt::AlignLeft | Qt::AlignVCenter,
                   fontMetrics().elidedText(shown, Qt::ElideRight, room.width()));
}

void ElidedLabel::setFunction(const QString& name) {
  isFunction_ = true;
  setText(name);
  setToolTip(name);
}

CommandBox::CommandBox(QWidget* parent) : QWidget(parent) {
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(6);
  auto* frame = new QFrame(this);  // the box; the label inside keeps plain metrics
  frame->setObjectName(QStringLiteral("command"));
  auto* inner = new QHBoxLayout(frame);
  inner->setContentsMargins(8, 3, 8, 3);
  label_ = new ElidedLabel(frame);
  label_->setTextFormat(Qt::PlainText);
  label_->setFont(monoFont());
  inner->addWidget(label_);
  copy_ = new QPushButton(QStringLiteral("Copy"), this);
  copy_->setObjectName(QStringLiteral("quiet"));
  copy_->setToolTip(QStringLiteral("Copy this command"));
  row->addWidget(frame, 1);
  row->addWidget(copy_);
  connect(copy_, &QPushButton::clicked, this, [this] { QGuiApplication::clipboard()->setText(command()); });
}

void CommandBox::setCommand(const QString& command) {
  label_->setText(command);
  label_->setToolTip(command);
  setVisible(!command.isEmpty());
}

}  // namespace heapprof::gui

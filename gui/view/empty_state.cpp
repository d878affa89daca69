#include "gui/view/empty_state.h"

#include <QLabel>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/view/command_box.h"

namespace heapprof::gui {

EmptyState::EmptyState(QWidget* parent) : QWidget(parent) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(16, 16, 16, 16);
  column->setSpacing(12);
  title_ = new QLabel(this);
  title_->setObjectName(QStringLiteral("h1"));
  text_ = new QLabel(this);
  text_->setObjectName(QStringLiteral("muted"));
  text_->setWordWrap(true);
  text_->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
  text_->setFixedWidth(kTextWidth);
  text_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  command_ = new CommandBox(this);
  column->addStretch(2);
  column->addWidget(title_, 0, Qt::AlignHCenter);
  column->addWidget(text_, 0, Qt::AlignHCenter);
  column->addWidget(command_, 0, Qt::AlignHCenter);
  column->addStretch(3);
}

void EmptyState::setText(const QString& title, const QString& text, const QString& command) {
  title_->setText(title);
  text_->setText(text);
  text_->setVisible(!text.isEmpty());
  text_->setMinimumHeight(
      std::max(0, text_->heightForWidth(kTextWidth)));  // centred labels get no height for their width
  command_->setCommand(command);
}

QString EmptyState::title() const {
  return title_->text();
}
QString EmptyState::text() const {
  return text_->text();
}
QString EmptyState::command() const {
  return command_->command();
}

}  // namespace heapprof::gui

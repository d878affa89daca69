#include "gui/view/empty_state.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include "gui/view/theme.h"

namespace heapprof::gui {

QWidget* commandBox(QLabel*& label, QPushButton*& copy, QWidget* parent) {
  auto* box = new QWidget(parent);
  auto* row = new QHBoxLayout(box);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(6);
  label = new QLabel(box);
  label->setObjectName(QStringLiteral("command"));
  label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  label->setTextFormat(Qt::PlainText);
  label->setFont(monoFont());
  copy = new QPushButton(QStringLiteral("Copy"), box);
  copy->setObjectName(QStringLiteral("quiet"));
  copy->setToolTip(QStringLiteral("Copy this command"));
  row->addWidget(label);
  row->addWidget(copy);
  QObject::connect(copy, &QPushButton::clicked, label,
                   [label] { QGuiApplication::clipboard()->setText(label->text()); });
  return box;
}

EmptyState::EmptyState(QWidget* parent) : QWidget(parent) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(40, 40, 40, 40);
  column->setSpacing(12);
  title_ = new QLabel(this);
  title_->setObjectName(QStringLiteral("h1"));
  text_ = new QLabel(this);
  text_->setObjectName(QStringLiteral("muted"));
  text_->setWordWrap(true);
  text_->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
  text_->setFixedWidth(560);
  text_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  QWidget* box = commandBox(command_, copy_, this);
  column->addStretch(2);
  column->addWidget(title_, 0, Qt::AlignHCenter);
  column->addWidget(text_, 0, Qt::AlignHCenter);
  column->addWidget(box, 0, Qt::AlignHCenter);
  column->addStretch(3);
}

void EmptyState::setText(const QString& title, const QString& text, const QString& command) {
  title_->setText(title);
  text_->setText(text);
  text_->setVisible(!text.isEmpty());
  command_->setText(command);
  command_->setVisible(!command.isEmpty());
  copy_->setVisible(!command.isEmpty());
}

QString EmptyState::title() const {
  return title_->text();
}
QString EmptyState::text() const {
  return text_->text();
}
QString EmptyState::command() const {
  return command_->text();
}

}  // namespace heapprof::gui

#include "gui/view/command_palette.h"

#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QVBoxLayout>
#include <algorithm>

namespace heapprof::gui {

CommandPalette::CommandPalette(std::vector<PaletteEntry> entries, QWidget* parent)
    : QDialog(parent), entries_(std::move(entries)) {
  setObjectName(QStringLiteral("palette"));
  setAttribute(Qt::WA_DeleteOnClose);
  setWindowTitle(QStringLiteral("Commands"));
  resize(520, 380);
  edit_ = new QLineEdit(this);
  edit_->setPlaceholderText(QStringLiteral("What to do: a page, a command, a dump, a metric"));
  edit_->installEventFilter(this);
  list_ = new QListWidget(this);
  list_->setFocusPolicy(Qt::NoFocus);
  list_->setUniformItemSizes(true);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(10, 10, 10, 10);
  column->addWidget(edit_);
  column->addWidget(list_, 1);
  connect(edit_, &QLineEdit::textChanged, this, &CommandPalette::refill);
  connect(edit_, &QLineEdit::returnPressed, this, &CommandPalette::runCurrent);
  connect(list_, &QListWidget::itemClicked, this, &CommandPalette::runCurrent);
  refill();
}

void CommandPalette::refill() {
  const QStringList words = edit_->text().split(u' ', Qt::SkipEmptyParts);
  list_->clear();
  shown_.clear();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const PaletteEntry& entry = entries_[i];
    const bool wanted = std::all_of(words.begin(), words.end(), [&](const QString& word) {
      return entry.text.contains(word, Qt::CaseInsensitive);
    });
    if (!wanted) continue;
    shown_.push_back(i);
    list_->addItem(entry.hint.isEmpty() ? entry.text : entry.text + QStringLiteral("    ") + entry.hint);
  }
  list_->setCurrentRow(0);
}

// The arrows move in the list while the typing goes on.
bool CommandPalette::eventFilter(QObject* object, QEvent* event) {
  if (event->type() != QEvent::KeyPress) return QDialog::eventFilter(object, event);
  const int key = static_cast<QKeyEvent*>(event)->key();
  if (key != Qt::Key_Up && key != Qt::Key_Down) return QDialog::eventFilter(object, event);
  const int row = list_->currentRow() + (key == Qt::Key_Down ? 1 : -1);
  list_->setCurrentRow(std::clamp(row, 0, std::max(0, list_->count() - 1)));
  return true;
}

void CommandPalette::runCurrent() {
  const int row = list_->currentRow();
  if (row < 0 || static_cast<std::size_t>(row) >= shown_.size()) return;
  const std::function<void()> run = entries_[shown_[static_cast<std::size_t>(row)]].run;
  close();
  run();
}

}  // namespace heapprof::gui

// Everything the window can do, to be found by typing (Ctrl+K): pages, menu entries with their keys, dumps,
// metrics.
//
// Invariant: shows the entries whose text has all typed words, in their given order; the chosen one runs
// after the palette is closed. Owner: the window; deleted when it closes; GUI thread.
#pragma once

#include <QDialog>
#include <functional>
#include <vector>

class QLineEdit;
class QListWidget;

namespace heapprof::gui {

struct PaletteEntry {
  QString text;
  QString hint;  // its key
  std::function<void()> run;
};

class CommandPalette final : public QDialog {
  Q_OBJECT

 public:
  CommandPalette(std::vector<PaletteEntry> entries, QWidget* parent);

  QLineEdit* edit() const { return edit_; }
  QListWidget* list() const { return list_; }

 protected:
  bool eventFilter(QObject* object, QEvent* event) override;

 private:
  void refill();
  void runCurrent();

  std::vector<PaletteEntry> entries_;
  std::vector<std::size_t> shown_;  // entries, a row each
  QLineEdit* edit_;
  QListWidget* list_;
};

}  // namespace heapprof::gui

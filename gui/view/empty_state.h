// What stands where a page has nothing to show: what is missing, and the exact command that records it, to be
// copied.
#pragma once

#include <QWidget>

class QLabel;

namespace heapprof::gui {

class CommandBox;

class EmptyState final : public QWidget {
  Q_OBJECT

 public:
  static constexpr int kTextWidth = 460;

  explicit EmptyState(QWidget* parent = nullptr);
  void setText(const QString& title, const QString& text, const QString& command);
  QString title() const;
  QString text() const;
  QString command() const;

 private:
  QLabel* title_;
  QLabel* text_;
  CommandBox* command_;
};

}  // namespace heapprof::gui

// A command line to be copied: one line, cut at the end when there is no room, whole in the tooltip and the
// clipboard.
#pragma once

#include <QLabel>

class QPushButton;

namespace heapprof::gui {

// A label of one line that gives way: it is cut with an ellipsis instead of widening its window.
class ElidedLabel final : public QLabel {
  Q_OBJECT

 public:
  using QLabel::QLabel;
  QSize minimumSizeHint() const override;
  // Of a function's name arguments and namespaces give way, not its end: that is what tells it from others.
  void setFunction(const QString& name);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  bool isFunction_ = false;
};

class CommandBox final : public QWidget {
  Q_OBJECT

 public:
  explicit CommandBox(QWidget* parent = nullptr);
  void setCommand(const QString& command);
  QString command() const { return label_->text(); }

 private:
  ElidedLabel* label_;
  QPushButton* copy_;
};

}  // namespace heapprof::gui

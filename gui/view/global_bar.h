// The one bar above all pages: history, the dump in front, the baseline, metric, granularity, and the filters
// as chips. Reads and changes the Session; holds no state of its own.
#pragma once

#include <QFrame>

class QComboBox;
class QHBoxLayout;
class QLineEdit;
class QPushButton;

namespace heapprof::gui {

class Session;

class GlobalBar final : public QFrame {
  Q_OBJECT

 public:
  GlobalBar(Session& session, QWidget* parent);
  QLineEdit* filterEdit() const { return filter_; }
  QComboBox* baselineBox() const { return baseline_; }
  QComboBox* metricBox() const { return metric_; }
  QComboBox* dumpBox() const { return dump_; }

 Q_SIGNALS:
  void problem(const QString& message);

 private:
  QComboBox* addBox(const QString& help, int least, int width);
  void addFilterFromText();
  void refill();
  void refillChips();

  Session& session_;
  QHBoxLayout* top_;
  QWidget* chipRow_;
  QHBoxLayout* chips_;
  QPushButton* back_;
  QPushButton* forward_;
  QComboBox* dump_;
  QComboBox* baseline_;
  QComboBox* metric_;
  QComboBox* granularity_;
  QLineEdit* filter_;
};

}  // namespace heapprof::gui

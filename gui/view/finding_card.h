// One finding as a card: its sentence, the evidence, the command that shows it in a shell, and a click to its
// page.
#pragma once

#include <QFrame>

#include "profiler/analysis/analyses.h"

namespace heapprof::gui {

class FindingCard final : public QFrame {
  Q_OBJECT

 public:
  FindingCard(const analysis::Finding& finding, int rank, QWidget* parent);

 Q_SIGNALS:
  void opened(const QString& page);

 protected:
  void mouseReleaseEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  QString page_;
};

}  // namespace heapprof::gui

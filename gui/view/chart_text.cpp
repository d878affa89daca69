#include "gui/view/chart_text.h"

#include <QPainter>

#include "gui/view/theme.h"

namespace heapprof::gui {

void drawChartTitle(QPainter& painter, const QRectF& area, const QString& text) {
  painter.setPen(theme().text);
  const QString fitted =
      painter.fontMetrics().elidedText(text, Qt::ElideRight, static_cast<int>(area.width()));
  painter.drawText(QRectF(area.left(), area.top() - kChartTitle, area.width(), kChartTitle - 4),
                   Qt::AlignLeft | Qt::AlignVCenter, fitted);
}

void drawChartEnds(QPainter& painter, const QRectF& area, const QString& left, const QString& right) {
  painter.setPen(theme().muted);
  const QRectF line(area.left(), area.bottom() + 2, area.width(), kChartAxis - 2);
  painter.drawText(line, Qt::AlignLeft | Qt::AlignVCenter, left);
  painter.drawText(line, Qt::AlignRight | Qt::AlignVCenter, right);
}

}  // namespace heapprof::gui

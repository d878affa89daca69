// What stands above and below a small chart: its title, and what its left and right end are. GUI thread.
#pragma once

#include <QString>

class QPainter;
class QRectF;

namespace heapprof::gui {

inline constexpr double kChartTitle = 20;  // pixels above the area
inline constexpr double kChartAxis = 18;   // and below

void drawChartTitle(QPainter& painter, const QRectF& area, const QString& text);
void drawChartEnds(QPainter& painter, const QRectF& area, const QString& left, const QString& right);

}  // namespace heapprof::gui

// Colours and fonts, light and dark: one table, so that a state has the same colour in a chart, a map and a
// legend. Differences are blue (less) and orange (more), told apart by every common colour vision, and always
// carry a sign too. GUI thread; the palette in force is a property of the application.
#pragma once

#include <QColor>
#include <QFont>

class QApplication;

namespace heapprof::gui {

struct Theme {
  bool dark = false;
  QColor window, surface, raised, border, text, muted, accent, accentText;
  QColor more, less, same;  // change: orange, blue, neutral
  QColor warning;
  QColor live, slack, cache, dirty, meta, foreign, unknown;  // the waterfall's families
  QColor none, small, huge, mixed;                           // the kernel's word
};

const Theme& theme();
// Style, palette and style sheet of the whole application.
void applyTheme(QApplication& application, bool dark);

// 0: empty, 1: full. One hue, lighter to darker (dark palette: darker to lighter).
QColor sequentialColor(double fraction);
// -1: much less, +1: much more; 0 is neutral.
QColor divergingColor(double fraction);
// Colours of modules by rank, so that the largest keep theirs; the hues repeat after kModuleColors.
inline constexpr int kModuleColors = 8;
QColor moduleColor(std::size_t rank);
// Black or white, whichever reads better on this.
QColor inkOn(const QColor& background);
QColor mixColors(const QColor& from, const QColor& to, double share);

QFont monoFont();
QFont smallFont();

}  // namespace heapprof::gui

#include "gui/view/theme.h"

#include <QApplication>
#include <QFontDatabase>
#include <QPalette>
#include <QStyleFactory>
#include <algorithm>
#include <array>
#include <cmath>

namespace heapprof::gui {
namespace {

Theme lightTheme() {
  Theme t;
  t.window = QColor(0xf4f5f7);
  t.surface = QColor(0xffffff);
  t.raised = QColor(0xeceef2);
  t.border = QColor(0xd3d7de);
  t.text = QColor(0x1c2128);
  t.muted = QColor(0x59626e);
  t.accent = QColor(0x0b6b7a);
  t.accentText = QColor(0xffffff);
  t.more = QColor(0xc4560b);
  t.less = QColor(0x1f63b5);
  t.same = QColor(0xdfe2e7);
  t.warning = QColor(0x9a4a00);
  t.live = QColor(0x1b7f8c);
  t.slack = QColor(0x7bb9bd);
  t.cache = QColor(0x8a7cc2);
  t.dirty = QColor(0xd9a21b);
  t.meta = QColor(0xb0769a);
  t.foreign = QColor(0x8d97a5);
  t.unknown = QColor(0xb8bec7);
  t.none = QColor(0xe3e6eb);
  t.small = QColor(0xe3a336);
  t.huge = QColor(0x1b7f8c);
  t.mixed = QColor(0x9d86c9);
  return t;
}

Theme darkTheme() {
  Theme t;
  t.dark = true;
  t.window = QColor(0x16191e);
  t.surface = QColor(0x1e2228);
  t.raised = QColor(0x2a2f37);
  t.border = QColor(0x3a414b);
  t.text = QColor(0xe6e9ed);
  t.muted = QColor(0xa3acb8);
  t.accent = QColor(0x4fb8c6);
  t.accentText = QColor(0x0c1418);
  t.more = QColor(0xf0923f);
  t.less = QColor(0x6ea8f0);
  t.same = QColor(0x3b424c);
  t.warning = QColor(0xf2b35c);
  t.live = QColor(0x3fa7b5);
  t.slack = QColor(0x2c6f79);
  t.cache = QColor(0x9a8cd6);
  t.dirty = QColor(0xe0b040);
  t.meta = QColor(0xc388ae);
  t.foreign = QColor(0x6f7986);
  t.unknown = QColor(0x59616c);
  t.none = QColor(0x2f353e);
  t.small = QColor(0xe0a742);
  t.huge = QColor(0x3fa7b5);
  t.mixed = QColor(0xa996d8);
  return t;
}

Theme& current() {
  static Theme instance = lightTheme();
  return instance;
}

QPalette paletteOf(const Theme& t) {
  QPalette palette;
  palette.setColor(QPalette::Window, t.window);
  palette.setColor(QPalette::WindowText, t.text);
  palette.setColor(QPalette::Base, t.surface);
  palette.setColor(QPalette::AlternateBase, mixColors(t.surface, t.raised, 0.45));
  palette.setColor(QPalette::Text, t.text);
  palette.setColor(QPalette::PlaceholderText, t.muted);
  palette.setColor(QPalette::Button, t.raised);
  palette.setColor(QPalette::ButtonText, t.text);
  palette.setColor(QPalette::BrightText, t.more);
  palette.setColor(QPalette::Highlight, t.accent);
  palette.setColor(QPalette::HighlightedText, t.accentText);
  palette.setColor(QPalette::Link, t.accent);
  palette.setColor(QPalette::ToolTipBase, t.raised);
  palette.setColor(QPalette::ToolTipText, t.text);
  palette.setColor(QPalette::Mid, t.border);
  palette.setColor(QPalette::Midlight, t.raised);
  palette.setColor(QPalette::Dark, t.border);
  palette.setColor(QPalette::Light, t.raised);
  palette.setColor(QPalette::Shadow, t.border);
  for (const QPalette::ColorRole role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText}) {
    palette.setColor(QPalette::Disabled, role, mixColors(t.muted, t.window, 0.45));
  }
  return palette;
}

QString styleSheetOf(const Theme& t) {
  QString sheet = QStringLiteral(R"(
    QToolTip { background: @raised; color: @text; border: 1px solid @border; padding: 4px; }
    QLabel#h1 { font-size: 16pt; font-weight: 600; }
    QLabel#h2 { font-size: 11pt; font-weight: 600; }
    QLabel#muted, QLabel#small { color: @muted; }
    QFrame#command { background: @raised; border: 1px solid @border; border-radius: 4px; }
    QLabel#banner { background: @raised; color: @warning; border: 1px solid @warning; border-radius: 4px; padding: 6px; }
    QFrame#card { background: @surface; border: 1px solid @border; border-radius: 6px; }
    QFrame#card:hover { border-color: @accent; }
    QFrame#panel { background: @surface; border: 1px solid @border; border-radius: 6px; }
    QFrame#chip { background: @surface; border: 1px solid @accent; border-radius: 10px; }
    QFrame#bar { background: @surface; border: none; border-bottom: 1px solid @border; }
    QFrame#rail { background: @surface; border: none; border-right: 1px solid @border; }
    QFrame#rail QPushButton { text-align: left; border: none; border-radius: 5px; padding: 8px 10px; }
    QFrame#rail QPushButton:hover { background: @raised; }
    QFrame#rail QPushButton:checked { background: @accent; color: @accentText; }
    QPushButton#quiet, QToolButton#quiet { border: 1px solid transparent; border-radius: 4px; padding: 3px 8px;
      background: transparent; color: @accent; }
    QPushButton#quiet:hover, QToolButton#quiet:hover { background: @raised; border-color: @border; }
    QPushButton#quiet:checked { background: @raised; border-color: @accent; font-weight: bold; }
    QPushButton#quiet:disabled, QToolButton#quiet:disabled { color: @faint; }
    QHeaderView::section { background: @raised; color: @text; border: none; border-right: 1px solid @border;
      border-bottom: 1px solid @border; padding: 4px 6px; }
    QTableView, QTreeView { background: @surface; border: 1px solid @border; gridline-color: transparent; }
    QLineEdit { background: @surface; color: @text; border: 1px solid @border; border-radius: 4px; padding: 3px 6px; }
    QLineEdit:focus { border-color: @accent; }
    QScrollArea { border: none; background: transparent; }
    QStatusBar { background: @surface; border-top: 1px solid @border; }
    QStatusBar::item { border: none; }
    QSplitter::handle { background: transparent; }
  )");
  const std::pair<const char*, QColor> names[] = {{"@accentText", t.accentText},
                                                  {"@accent", t.accent},
                                                  {"@raised", t.raised},
                                                  {"@surface", t.surface},
                                                  {"@border", t.border},
                                                  {"@muted", t.muted},
                                                  {"@text", t.text},
                                                  {"@warning", t.warning},
                                                  {"@faint", mixColors(t.muted, t.window, 0.55)}};
  for (const auto& [name, color] : names) sheet.replace(QLatin1String(name), color.name());
  return sheet;
}

}  // namespace

const Theme& theme() {
  return current();
}

void applyTheme(QApplication& application, bool dark) {
  current() = dark ? darkTheme() : lightTheme();
  QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
  QApplication::setPalette(paletteOf(current()));
  application.setStyleSheet(styleSheetOf(current()));
}

QColor mixColors(const QColor& from, const QColor& to, double share) {
  const auto blend = [share](int a, int b) { return static_cast<int>(std::lround(a + (b - a) * share)); };
  return QColor(blend(from.red(), to.red()), blend(from.green(), to.green()), blend(from.blue(), to.blue()));
}

QColor sequentialColor(double fraction) {
  const double f = std::clamp(fraction, 0.0, 1.0);
  static const std::array<QColor, 5> kLight{QColor(0xf7e9c8), QColor(0xc9dcb4), QColor(0x84bfae),
                                            QColor(0x3a8f9c), QColor(0x134e6f)};
  static const std::array<QColor, 5> kDark{QColor(0x4a3f24), QColor(0x3c5a4a), QColor(0x357f7f),
                                           QColor(0x4cb0b4), QColor(0xb6ecec)};
  const std::array<QColor, 5>& ramp = theme().dark ? kDark : kLight;
  const double at = f * 4;
  const auto low = std::min<std::size_t>(3, static_cast<std::size_t>(at));
  return mixColors(ramp[low], ramp[low + 1], at - static_cast<double>(low));
}

QColor divergingColor(double fraction) {
  const double f = std::clamp(fraction, -1.0, 1.0);
  // A root spreads small changes; the first step away from neutral must be visible at all.
  return mixColors(theme().same, f < 0 ? theme().less : theme().more, std::sqrt(std::fabs(f)));
}

QColor moduleColor(std::size_t rank) {
  static const std::array<QColor, kModuleColors> kLight{QColor(0xf2b880), QColor(0x9ccfd8), QColor(0xb8d9a0),
                                                        QColor(0xc9b6e4), QColor(0xf0d479), QColor(0xe8a9b8),
                                                        QColor(0xa9c0e6), QColor(0xd2c3a6)};
  static const std::array<QColor, kModuleColors> kDark{QColor(0xa8662c), QColor(0x2f7482), QColor(0x55803b),
                                                       QColor(0x70559f), QColor(0x8a7220), QColor(0x99506a),
                                                       QColor(0x42659f), QColor(0x77684a)};
  return (theme().dark ? kDark : kLight)[rank % kModuleColors];
}

QColor inkOn(const QColor& background) {
  const double luminance = 0.299 * background.red() + 0.587 * background.green() + 0.114 * background.blue();
  return luminance > 140 ? QColor(0x14181d) : QColor(0xffffff);
}

QFont monoFont() {
  QFont font = QFontDatabase::systemFont(QFontDatabase::FixedFont);
  font.setPointSizeF(QApplication::font().pointSizeF() * 0.95);
  return font;
}

QFont smallFont() {
  QFont font = QApplication::font();
  font.setPointSizeF(font.pointSizeF() * 0.88);
  return font;
}

}  // namespace heapprof::gui

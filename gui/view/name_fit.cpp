#include "gui/view/name_fit.h"

namespace heapprof::gui {
namespace {

constexpr double kFewLetters = 34;  // pixels; two letters and dots say nothing

QString withoutBrackets(const QString& name) {
  if (name.startsWith(u'(') || name.startsWith(u'<') || name.contains(QLatin1String("operator"))) return name;
  QString out;
  int depth = 0;
  for (const QChar c : name) {
    if (c == u'(' || c == u'<') ++depth;
    if (depth == 0) out += c;
    if ((c == u')' || c == u'>') && depth > 0) --depth;
  }
  return out.isEmpty() ? name : out;
}

}  // namespace

QString fittedName(const QString& name, const QFontMetricsF& metrics, double room) {
  if (metrics.horizontalAdvance(name) <= room) return name;
  QString shorter = withoutBrackets(name);
  while (metrics.horizontalAdvance(shorter) > room) {
    const qsizetype scope = shorter.indexOf(QLatin1String("::"));
    if (scope < 0) return room < kFewLetters ? QString() : metrics.elidedText(shorter, Qt::ElideRight, room);
    shorter = shorter.mid(scope + 2);
  }
  return shorter;
}

QString shortName(const QString& name) {
  const QString plain = withoutBrackets(name);
  return plain.section(QLatin1String("::"), -2);
}

QString breakableName(const QString& text) {
  constexpr QChar kZeroWidthSpace(0x200b);
  QString out;
  for (qsizetype i = 0; i < text.size(); ++i) {
    out += text[i];
    const bool endsScope = i > 0 && text[i] == u':' && text[i - 1] == u':';
    if (endsScope || text[i] == u'(' || text[i] == u',' || text[i] == u'<' || text[i] == u'/' ||
        text[i] == u'_') {
      out += kZeroWidthSpace;
    }
  }
  return out;
}

}  // namespace heapprof::gui

// Function names in little room: what tells least goes first. Pure functions.
#pragma once

#include <QFontMetricsF>
#include <QString>

namespace heapprof::gui {

// Arguments and template arguments go first, then namespaces from the left; only then the end is cut, and
// where not even a few letters fit, "".
QString fittedName(const QString& name, const QFontMetricsF& metrics, double room);

// "Key::parse" of "a::cache::Key::parse(int)": the last two parts, for lists of frames.
QString shortName(const QString& name);

// The same text with places where a line may break (invisible), for labels that wrap.
QString breakableName(const QString& text);

}  // namespace heapprof::gui

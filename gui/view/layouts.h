// Layouts that several pages are made of.
#pragma once

#include <QVBoxLayout>
#include <QWidget>

namespace heapprof::gui {

// A column without margins, for a box inside a page.
inline QVBoxLayout* plainColumn(QWidget* widget) {
  auto* column = new QVBoxLayout(widget);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(4);
  return column;
}

}  // namespace heapprof::gui

// How much is drawn in a part of a picture: pixels that are not its background.
#pragma once

#include <QHash>
#include <QImage>
#include <QRect>
#include <algorithm>

namespace heapprof::test {

// Pixels of `area` that differ from its most common colour.
inline int inkIn(const QImage& image, const QRect& area) {
  QHash<QRgb, int> counts;
  for (int y = area.top(); y <= area.bottom(); ++y) {
    for (int x = area.left(); x <= area.right(); ++x) ++counts[image.pixel(x, y)];
  }
  int total = 0;
  int most = 0;
  for (const int count : std::as_const(counts)) {
    total += count;
    most = std::max(most, count);
  }
  return total - most;
}

}  // namespace heapprof::test

// Renders one page of a dump into a PNG without a display: for documents, tests and CI. Waits for the
// results, not for a time.
#pragma once

#include <QSize>
#include <QStringList>

namespace heapprof::gui {

struct ScreenshotRequest {
  QString page;
  QStringList files;
  QString base;
  QString output;
  QSize size{1280, 800};
};

// 0, or 2 with one line on standard error.
int takeScreenshot(const ScreenshotRequest& request);

}  // namespace heapprof::gui

#include "gui/view/screenshot.h"

#include <QCoreApplication>
#include <QPixmap>
#include <cstdio>

#include "gui/view/main_window.h"
#include "gui/view/page.h"

namespace heapprof::gui {
namespace {

int complain(const QString& line) {
  std::fprintf(stderr, "heapprof-gui: %s\n", qUtf8Printable(line));
  return 2;
}

// Layouts settle and results arrive by events; idle twice in a row means that nothing more will come.
void waitUntilIdle(const MainWindow& window) {
  for (int idle = 0; idle < 2;) {
    QCoreApplication::processEvents(QEventLoop::AllEvents);
    if (window.isIdle()) {
      ++idle;
    } else {
      idle = 0;
      QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
    }
  }
}

}  // namespace

int takeScreenshot(const ScreenshotRequest& request) {
  if (findPage(request.page) == nullptr) {
    QStringList known;
    for (const PageRow& row : pages()) known << QLatin1String(row.id);
    return complain(
        QStringLiteral("no page '%1'; there are: %2").arg(request.page, known.join(QStringLiteral(", "))));
  }
  MainWindow window(false);
  window.resize(request.size);
  QString failure;
  QObject::connect(&window.loader(), &Loader::failed, &window,
                   [&](const QString&, const QString& message) { failure = message; });
  window.session().showPage(request.page);
  window.show();
  window.open(request.files, request.base);
  waitUntilIdle(window);
  if (!failure.isEmpty()) return complain(failure);
  if (!window.grab().save(request.output, "PNG")) {
    return complain(QStringLiteral("%1: cannot be written; choose another folder").arg(request.output));
  }
  return 0;
}

}  // namespace heapprof::gui

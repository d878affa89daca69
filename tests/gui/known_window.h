// The real window on the known dumps, as tests of its pages drive it.
// Invariant: open() and show() return when nothing runs any more, so that what follows sees the finished
// page.
#pragma once

#include <QTemporaryDir>
#include <QtTest>
#include <memory>

#include "gui/view/main_window.h"
#include "gui/view/theme.h"
#include "tests/gui/known_dump.h"

namespace heapprof::test {

class KnownWindow {
 protected:
  // initTestCase()
  void writeDumps() {
    QVERIFY(folder_.isValid());
    after_ = writeKnownDump(folder_.path(), QStringLiteral("after.pb.gz"), Known::kAfter);
    before_ = writeKnownDump(folder_.path(), QStringLiteral("before.pb.gz"), Known::kBefore);
    foreign_ = writeKnownDump(folder_.path(), QStringLiteral("foreign.pb.gz"), Known::kForeign);
    QVERIFY(!after_.isEmpty() && !before_.isEmpty() && !foreign_.isEmpty());
    gui::applyTheme(*qApp, false);
  }

  // init()
  void makeWindow() {
    window_ = std::make_unique<gui::MainWindow>(false);
    window_->resize(1280, 800);
    window_->show();
    window_->activateWindow();
    QVERIFY(QTest::qWaitForWindowExposed(window_.get()));
  }

  void settle() { QTRY_VERIFY_WITH_TIMEOUT(window_->isIdle() && !window_->loader().busy(), 30000); }

  void open(const QStringList& files, const QString& base = {}) {
    window_->open(files, base);
    settle();
  }

  template <typename PageType>
  PageType& show(const char* id) {
    window_->session().showPage(QLatin1String(id));
    QCoreApplication::processEvents();
    settle();
    return *static_cast<PageType*>(window_->page(QLatin1String(id)));
  }

  QTemporaryDir folder_;
  QString after_, before_, foreign_;
  std::unique_ptr<gui::MainWindow> window_;
};

}  // namespace heapprof::test

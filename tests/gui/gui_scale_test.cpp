// A terabyte of heap and a million samples: the event loop keeps turning while the window opens them and
// walks its pages, and a frame of the map costs what is on screen. Bounds are the design's, with room for a
// machine that is shared; the figures themselves are printed.
#include <QElapsedTimer>
#include <QTableView>
#include <QTemporaryDir>
#include <QTimer>
#include <QtTest>
#include <algorithm>
#include <ctime>
#include <utility>
#include <vector>

#include "gui/model/table_model.h"
#include "gui/view/flame_page.h"
#include "gui/view/flame_view.h"
#include "gui/view/main_window.h"
#include "gui/view/map_page.h"
#include "gui/view/map_view.h"
#include "gui/view/page.h"
#include "gui/view/table_page.h"
#include "gui/view/theme.h"
#include "tests/gui/known_dump.h"

using namespace heapprof::gui;
using namespace heapprof::test;

namespace {

// What this thread itself has worked: a machine that is shared delays a beat, but does not add to it.
double threadMillis() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// A timer that fires as often as the loop lets it: the longest silence is the longest block.
class Heartbeat final : public QObject {
 public:
  Heartbeat() {
    connect(&timer_, &QTimer::timeout, this, [this] { beat(); });
    timer_.start(1);
    since_.start();
  }
  // In milliseconds of the clock, and of this thread's own work.
  std::pair<double, double> takeLongest() {
    beat();
    return {std::exchange(longest_, 0), std::exchange(longestWork_, 0)};
  }

 private:
  void beat() {
    longest_ = std::max(longest_, static_cast<double>(since_.nsecsElapsed()) / 1e6);
    since_.restart();
    const double work = threadMillis();
    longestWork_ = std::max(longestWork_, work - worked_);
    worked_ = work;
  }
  QTimer timer_;
  QElapsedTimer since_;
  double longest_ = 0, longestWork_ = 0;
  double worked_ = threadMillis();
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

}  // namespace

class GuiScaleTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;
  QString huge_, before_;
  std::unique_ptr<MainWindow> window_;

  void settle() { QTRY_VERIFY_WITH_TIMEOUT(window_->isIdle() && !window_->loader().busy(), 400000); }
  void say(const char* what, double millis) { qInfo("%-44s %8.1f ms", what, millis); }

 private Q_SLOTS:
  void initTestCase() {
    QVERIFY(folder_.isValid());
    const auto make = [&](const char* name, const char* samples, const char* seed) {
      return makeDump(QStringLiteral(HEAPPROF_MAKE_DUMP), folder_.path(), QLatin1String(name),
                      {QStringLiteral("--samples"), QLatin1String(samples), QStringLiteral("--stacks"),
                       QStringLiteral("200000"), QStringLiteral("--extents"), QStringLiteral("100000"),
                       QStringLiteral("--huge-pages"), QStringLiteral("524288"), QStringLiteral("--seed"),
                       QLatin1String(seed)});
    };
    huge_ = make("huge.pb.gz", "1000000", "1");
    before_ = make("before.pb.gz", "200000", "2");
    QVERIFY(!huge_.isEmpty() && !before_.isEmpty());
    applyTheme(*qApp, false);
    window_ = std::make_unique<MainWindow>(false);
    window_->resize(1280, 800);
    window_->show();
    QVERIFY(QTest::qWaitForWindowExposed(window_.get()));
  }

  void aMillionSamplesNeverBlockTheEventLoop_data() {
    QTest::addColumn<bool>("compares");
    QTest::newRow("alone") << false;
    QTest::newRow("compared") << true;
  }

  void aMillionSamplesNeverBlockTheEventLoop() {
    QFETCH(bool, compares);
    Heartbeat heart;
    window_->session().showPage(QStringLiteral("overview"));
    double longest = 0, longestWork = 0;
    const auto note = [&](const char* what) {
      const auto [block, work] = heart.takeLongest();
      qInfo("%-12s longest block %6.1f ms, of work %6.1f ms", what, block, work);
      longest = std::max(longest, block);
      longestWork = std::max(longestWork, work);
    };
    window_->open({huge_}, compares ? before_ : QString());
    settle();
    note("loading");
    for (const PageRow& row : pages()) {
      window_->session().showPage(QLatin1String(row.id));
      QCoreApplication::processEvents();
      settle();
      QTest::qWait(50);
      note(row.id);
    }
    QVERIFY2(longestWork < 100, qPrintable(QString::number(longestWork)));
    // More than its own work is waiting: for the processor here, or for a worker, which would be a fault.
    QVERIFY2(longest < 500, qPrintable(QString::number(longest)));
  }

  // The window is the one that compared.
  void sortingAndSearchingALongTableBlocksNothing() {
    QTableView& table = *static_cast<TablePage*>(window_->page(QStringLiteral("compare")))->tableView(1);
    window_->session().showPage(QStringLiteral("compare"));
    QCoreApplication::processEvents();
    settle();
    const int rows = table.model()->rowCount();
    QVERIFY(rows > 100000);
    Heartbeat heart;
    double longest = 0;
    const auto note = [&](const char* what) {
      settle();
      QTest::qWait(50);
      const auto [block, work] = heart.takeLongest();
      qInfo("%-24s longest block %6.1f ms, of work %6.1f ms", what, block, work);
      longest = std::max(longest, work);
    };
    table.sortByColumn(1, Qt::AscendingOrder);
    note("sort by change");
    QVERIFY(table.model()->index(0, 1).data(kSortRole).toDouble() <=
            table.model()->index(rows - 1, 1).data(kSortRole).toDouble());
    table.sortByColumn(6, Qt::DescendingOrder);
    note("sort by stack");
    window_->currentPage()->startSearch();
    QTest::keyClicks(QApplication::focusWidget(), QStringLiteral("12"));
    note("search");
    QVERIFY(table.model()->rowCount() < rows);
    window_->currentPage()->goUp();
    note("end the search");
    QCOMPARE(table.model()->rowCount(), rows);
    QVERIFY2(longest < 100, qPrintable(QString::number(longest)));
  }

  void aFrameOfTheMapCostsWhatIsOnScreen() {
    window_->session().showPage(QStringLiteral("map"));
    QCoreApplication::processEvents();
    settle();
    MapView& view = static_cast<MapPage*>(window_->page(QStringLiteral("map")))->view();
    QImage image(view.viewport()->size(), QImage::Format_ARGB32_Premultiplied);
    std::vector<double> frames;
    for (int i = 0; i < 60; ++i) {
      QTest::keyClick(&view, i % 20 < 10 ? Qt::Key_PageDown : Qt::Key_PageUp);
      QElapsedTimer timer;
      timer.start();
      view.viewport()->render(&image);
      frames.push_back(static_cast<double>(timer.nsecsElapsed()) / 1e6);
    }
    say("map, median frame while moving", median(frames));
    say("map, longest frame while moving", *std::max_element(frames.begin(), frames.end()));
    QVERIFY(median(frames) < 16);
  }

  void aFrameOfTheFlameCostsWhatIsOnScreen() {
    window_->session().showPage(QStringLiteral("flame"));
    QCoreApplication::processEvents();
    settle();
    FlameView& view = static_cast<FlamePage*>(window_->page(QStringLiteral("flame")))->view();
    QImage image(view.viewport()->size(), QImage::Format_ARGB32_Premultiplied);
    std::vector<double> frames;
    for (std::uint32_t i = 0; i < 30; ++i) {
      view.zoomTo(i % 3);  // another picture each time
      QElapsedTimer timer;
      timer.start();
      view.viewport()->render(&image);
      frames.push_back(static_cast<double>(timer.nsecsElapsed()) / 1e6);
    }
    qInfo("%zu nodes", view.tree()->nodes.size());
    say("flame, median frame", median(frames));
    QVERIFY(median(frames) < 16);
  }

  void cleanupTestCase() { window_.reset(); }
};

QTEST_MAIN(GuiScaleTest)
#include "gui_scale_test.moc"

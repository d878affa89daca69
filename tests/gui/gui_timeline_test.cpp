// The timeline page on a dump whose every row the test wrote: rows, marks, what the pointer shows, and what
// stands where a dump has none.
#include <QtTest>

#include "formats/pprof/read_profile.h"
#include "formats/pprof/write_profile.h"
#include "gui/view/empty_state.h"
#include "gui/view/page.h"
#include "gui/view/timeline_page.h"
#include "gui/view/timeline_view.h"
#include "tests/gui/ink.h"
#include "tests/gui/known_window.h"

using namespace heapprof::gui;
using namespace heapprof::test;

class GuiTimelineTest : public QObject, private KnownWindow {
  Q_OBJECT

 private:
  QString timed_;

  // A hundred seconds: RSS 1, 2, ... 100 MiB but 400 MiB at second 70; live half of it; the rest not
  // recorded.
  void writeTimed() {
    auto columns = heapprof::formats::readProfile(after_.toStdString());
    QVERIFY(columns.ok());
    heapprof::HeapSnapshot& heap = columns->heapSnapshot;
    heapprof::Timeline& timeline = *heap.mutable_timeline();
    for (std::uint64_t second = 1; second <= 100; ++second) {
      const std::uint64_t rss = (second == 70 ? 400 : second) << 20;
      timeline.add_time_nanos(second * 1000000000);
      timeline.add_rss_bytes(rss);
      timeline.add_live_bytes(rss / 2);
    }
    timeline.add_mark_time_nanos(50500000000);
    timeline.add_mark_name(static_cast<std::uint32_t>(heap.string_table_size()));
    heap.add_string_table("reload");
    timed_ = folder_.filePath(QStringLiteral("timed.pb.gz"));
    QVERIFY(heapprof::formats::writeProfile(*columns, timed_.toStdString()).ok());
  }

 private Q_SLOTS:
  void initTestCase() {
    writeDumps();
    writeTimed();
  }
  void init() { makeWindow(); }
  void cleanup() { window_.reset(); }

  void whatWasRecordedIsDrawnAndNothingElse() {
    open({timed_});
    TimelinePage& page = show<TimelinePage>("timeline");
    QCOMPARE(page.headline(), QStringLiteral("RSS 1MB to 100MB, at most 400MB after 1:10"));
    const TimelineSeriesSet& series = *page.view().series();
    QCOMPARE(series.nanos.size(), std::size_t{100});
    QCOMPARE(series.levels.size(), std::size_t{2});
    QCOMPARE(series.levels[1].id, QStringLiteral("live"));
    QVERIFY(!series.hasRates() && page.view().rateArea().isEmpty());
    QCOMPARE(page.exportTable()->rows(), std::size_t{100});
    QCOMPARE(commandFor(*findPage(QStringLiteral("timeline")), window_->session()),
             QStringLiteral("heapprof timeline ") + timed_);
  }

  void aMarkIsALineWithItsNameAboveItsMoment() {
    open({timed_});
    TimelineView& view = show<TimelinePage>("timeline").view();
    QCOMPARE(view.series()->marks.size(), std::size_t{1});
    QCOMPARE(view.series()->marks[0].name, QStringLiteral("reload"));
    const int x = static_cast<int>(view.xOf(50.5e9));
    const int top = static_cast<int>(view.levelArea().top());
    const QImage image = view.grab().toImage();
    // Far above RSS, which is an eighth of the axis there: beside the line only the grid is drawn.
    QVERIFY(inkIn(image, QRect(x - 20, top - 16, 40, 14)) > 20);
    const QRgb beside = image.pixel(x + 8, top + 30);
    int line = 0;
    for (int y = top + 20; y < top + 60; ++y) {
      if (image.pixel(x, y) != beside) ++line;
    }
    QVERIFY2(line > 15, qPrintable(QString::number(line)));
  }

  void thePointerAndTheArrowKeysShowTheFiguresOfAMoment() {
    open({timed_});
    TimelinePage& page = show<TimelinePage>("timeline");
    TimelineView& view = page.view();
    QVERIFY(view.figures().isEmpty());
    const QPoint peak(static_cast<int>(std::lround(view.xOf(70e9))), view.height() / 2);
    QTest::mouseMove(&view, peak - QPoint(9, 0));
    QTest::mouseMove(&view, peak);
    const QStringList said{QStringLiteral("at 1:10"), QStringLiteral("RSS 400MB"),
                           QStringLiteral("Live 200MB")};
    QTRY_COMPARE(view.figures(), said);
    QTest::keyClick(&view, Qt::Key_Right);
    QCOMPARE(view.figures().value(1), QStringLiteral("RSS 71MB"));
    QTest::keyClick(&view, Qt::Key_End);
    QTest::keyClick(&view, Qt::Key_Right);
    QCOMPARE(view.figures().value(1), QStringLiteral("RSS 100MB"));
    QCOMPARE(page.selectionAsTsv(), QStringLiteral("at 1:40\tRSS 100MB\tLive 50MB"));
    page.goUp();
    QVERIFY(view.figures().isEmpty());
  }

  void withoutATimelineThePageSaysHowOneIsRecorded() {
    for (const QString& dump : {after_, foreign_}) {
      open({dump});
      show<TimelinePage>("timeline");
      const auto* empty = window_->currentPage()->findChild<EmptyState*>();
      QVERIFY(empty->isVisible());
      QVERIFY(empty->text().contains(QStringLiteral("HEAPPROF=...,timeline=1s")));
      QCOMPARE(empty->command(), QStringLiteral("heapprof run --set timeline=1s -- ./your-service"));
    }
  }

  void ticksAreRoundAndCoverTheAxis() {
    QCOMPARE(timeTicks(0, 100e9, 10),
             (std::vector<double>{0, 10e9, 20e9, 30e9, 40e9, 50e9, 60e9, 70e9, 80e9, 90e9, 100e9}));
    for (const double span : {0.1e9, 7e9, 3600e9, 100000e9, 5e15}) {
      const std::vector<double> ticks = timeTicks(0, span, 10);
      QVERIFY(ticks.size() >= 3 && ticks.size() <= 12);
    }
    QCOMPARE(byteTicks(400 * kMiB, 6).back(), 400 * kMiB);
    for (double most = 1; most < 1e15; most *= 3.7) {
      const std::vector<double> ticks = byteTicks(most, 6);
      QVERIFY(ticks.back() >= most && ticks.size() <= 8);
    }
  }
};

QTEST_MAIN(GuiTimelineTest)
#include "gui_timeline_test.moc"

// What a page says to its reader: who is named, what is blamed, what is blank; faults that were found by
// looking.
#include <QComboBox>
#include <QLabel>
#include <QTableView>
#include <QtTest>

#include "gui/view/empty_state.h"
#include "gui/view/functions_page.h"
#include "gui/view/global_bar.h"
#include "gui/view/overview_page.h"
#include "gui/view/table_page.h"
#include "tests/gui/known_window.h"

using namespace heapprof::gui;
using namespace heapprof::test;

class GuiReadingTest : public QObject, private KnownWindow {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { writeDumps(); }
  void init() { makeWindow(); }
  void cleanup() { window_.reset(); }

  void aBadFileIsSaidInTheWindow() {
    open({folder_.filePath(QStringLiteral("missing.pb.gz"))});
    const auto* banner = window_->findChild<QLabel*>(QStringLiteral("banner"));
    QVERIFY(banner->isVisible());
    QVERIFY(banner->text().contains(QStringLiteral("missing.pb.gz")));
    QVERIFY(window_->currentPage()->findChild<EmptyState*>()->isVisible());
  }

  void allocationWrappersArePassedOver() {
    open({writeKnownDump(folder_.path(), QStringLiteral("wrapped.pb.gz"), Known::kWrapped)});
    QStringList texts;
    for (const QLabel* label : show<OverviewPage>("overview").findChildren<QLabel*>()) texts << label->text();
    QVERIFY(texts.contains(QStringLiteral("parser::load")) && texts.contains(QStringLiteral("cache::fill")));
    QVERIFY(!texts.join(u' ').contains(QStringLiteral("zmalloc")));
    // The process as its command line calls it, and the file that it runs.
    QVERIFY(texts.contains(QStringLiteral("known-server (known)")));
    const QAbstractItemModel& list = *show<FunctionsPage>("functions").list()->model();
    const auto cell = [&list](int row, const char* title) {
      for (int column = 0; column < list.columnCount(); ++column) {
        if (list.headerData(column, Qt::Horizontal).toString() == QLatin1String(title))
          return list.index(row, column).data().toString();
      }
      return QStringLiteral("no such column");
    };
    QCOMPARE(cell(0, "Stores"), QStringLiteral("75MB"));
    QCOMPARE(cell(0, "Function"), QStringLiteral("parser::load"));
    // pprof's figures beside it stay pprof's: the wrapper is the leaf, and stores nothing of its own.
    for (int row = 0; row < list.rowCount(); ++row) {
      if (cell(row, "Function") != QStringLiteral("zmalloc")) continue;
      QCOMPARE(cell(row, "Flat"), QStringLiteral("100MB"));
      QCOMPARE(cell(row, "Stores"), QString());
    }
  }

  void nothingAliveIsNotBlamedOnFilters() {
    open({writeKnownDump(folder_.path(), QStringLiteral("freed.pb.gz"), Known::kFreed)});
    for (const char* page : {"flame", "functions"}) {
      window_->session().showPage(QLatin1String(page));
      settle();
      const auto* empty = window_->currentPage()->findChild<EmptyState*>();
      QVERIFY2(empty->isVisible(), page);
      QVERIFY2(empty->text().contains(QStringLiteral("alive")), qPrintable(empty->text()));
      QVERIFY(!empty->text().contains(QStringLiteral("filter")));
    }
    window_->session().addChip({FilterChip::kFocus, QStringLiteral("main")});
    settle();
    QVERIFY(window_->currentPage()->findChild<EmptyState*>()->text().contains(QStringLiteral("filters")));
  }

  void whatARowCannotHaveIsBlank() {
    open({after_}, before_);
    const QAbstractItemModel& totals = *show<TablePage>("compare").tableView(0)->model();
    QCOMPARE(totals.index(0, 1).data().toString(), QStringLiteral("kernel RSS"));
    for (int column = 5; column < totals.columnCount(); ++column) {
      QCOMPARE(totals.index(0, column).data().toString(), QString());
    }
    // A double click on a total is no filter.
    QCOMPARE(window_->currentPage()->selectedFunction(), QString());
  }

  void boxesKeepWhatTellsDumpsOfOneProcessApart() {
    const auto named = [&](const char* name) {
      return writeKnownDump(folder_.path(), QLatin1String(name), Known::kAfter);
    };
    open({named("heapprof.a-program-with-a-very-long-name.4711.1.pb.gz"),
          named("heapprof.a-program-with-a-very-long-name.4711.2.pb.gz")});
    QCOMPARE(window_->bar().dumpBox()->itemText(1), QStringLiteral("a-program-with-a-very-long-name.4711.2"));
    const auto pictureOf = [&](int dump) {
      window_->session().showDump(dump);
      settle();
      return window_->bar().dumpBox()->grab().toImage();
    };
    QVERIFY(pictureOf(0) != pictureOf(1));
  }
};

QTEST_MAIN(GuiReadingTest)
#include "gui_reading_test.moc"

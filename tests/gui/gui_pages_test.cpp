// The pages made of tables and trees, under clicks and keys, on dumps whose every figure is known.
#include <QAbstractItemModelTester>
#include <QClipboard>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTableView>
#include <QTreeView>
#include <QtTest>
#include <algorithm>
#include <cmath>

#include "gui/model/call_tree_model.h"
#include "gui/model/units.h"
#include "gui/view/empty_state.h"
#include "gui/view/functions_page.h"
#include "gui/view/histogram_strip.h"
#include "gui/view/page.h"
#include "gui/view/source_pane.h"
#include "gui/view/table_page.h"
#include "tests/gui/known_window.h"

using namespace heapprof::gui;
using namespace heapprof::test;

class GuiPagesTest : public QObject, private KnownWindow {
  Q_OBJECT

 private:
  static QString text(const QAbstractItemModel& model, int row, const char* title,
                      const QModelIndex& parent = {}) {
    for (int column = 0; column < model.columnCount(); ++column) {
      if (model.headerData(column, Qt::Horizontal).toString() == QLatin1String(title))
        return model.index(row, column, parent).data().toString();
    }
    return QStringLiteral("no column ") + QLatin1String(title);
  }

  static void click(QAbstractItemView& view, const QModelIndex& at) {
    view.scrollTo(at);
    QTest::mouseClick(view.viewport(), Qt::LeftButton, {}, view.visualRect(at).center());
  }

  static QModelIndex rowNamed(const QAbstractItemView& view, const char* name) {
    const QAbstractItemModel& model = *view.model();
    for (int row = 0; row < model.rowCount(); ++row) {
      for (int column = 0; column < model.columnCount(); ++column) {
        if (model.index(row, column).data().toString() == QLatin1String(name))
          return model.index(row, column);
      }
    }
    return {};
  }

  QPushButton* button(const char* text) {
    for (QPushButton* button : window_->currentPage()->findChildren<QPushButton*>()) {
      if (button->text() == QLatin1String(text)) return button;
    }
    return nullptr;
  }

 private Q_SLOTS:
  void initTestCase() { writeDumps(); }
  void init() { makeWindow(); }
  void cleanup() { window_.reset(); }

  void aClickOnAFunctionShowsItsCallersAndCallees() {
    open({after_});
    FunctionsPage& page = show<FunctionsPage>("functions");
    const QAbstractItemModelTester callers(page.callers()->model(),
                                           QAbstractItemModelTester::FailureReportingMode::QtTest);
    QVERIFY(page.list()->currentIndex().isValid());  // something is always in front
    click(*page.list(), rowNamed(*page.list(), "cache::fill"));
    settle();
    QCOMPARE(page.selectedFunction(), QStringLiteral("cache::fill"));
    const QAbstractItemModel& up = *page.callers()->model();
    QCOMPARE(text(up, 0, "Function"), QStringLiteral("cache::fill"));
    QCOMPARE(text(up, 0, "Total"), QStringLiteral("25MB"));
    QCOMPARE(text(up, 0, "Function", up.index(0, 0)), QStringLiteral("main"));
    QVERIFY(page.callers()->isExpanded(up.index(0, 0)));
    const QAbstractItemModel& down = *page.callees()->model();
    QCOMPARE(text(down, 0, "Function", down.index(0, 0)), QStringLiteral("alloc_small"));
    // Enter on a callee brings it to the front, in the list as well.
    page.callees()->setFocus();
    page.callees()->setCurrentIndex(down.index(0, 0, down.index(0, 0)));
    QTest::keyClick(page.callees(), Qt::Key_Return);
    settle();
    QCOMPARE(page.selectedFunction(), QStringLiteral("alloc_small"));
    QCOMPARE(page.list()->currentIndex().row(), rowNamed(*page.list(), "alloc_small").row());
    QCOMPARE(text(up, 0, "Function", up.index(0, 0)), QStringLiteral("cache::fill"));
  }

  void theWholeProgramOpensFromEitherEnd() {
    open({after_});
    FunctionsPage& page = show<FunctionsPage>("functions");
    QTest::mouseClick(button("From main() down"), Qt::LeftButton);
    settle();
    QVERIFY(page.whole()->isVisible());
    QAbstractItemModel& tree = *page.whole()->model();
    const QAbstractItemModelTester tester(&tree, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QCOMPARE(tree.rowCount(), 1);
    QCOMPARE(text(tree, 0, "Function"), QStringLiteral("main"));
    QCOMPARE(tree.rowCount(tree.index(0, 0)), 2);
    QTest::mouseClick(button("From allocation up"), Qt::LeftButton);
    settle();
    QCOMPARE(tree.rowCount(), 2);
    QCOMPARE(text(tree, 0, "Function"), QStringLiteral("alloc_big"));
    QCOMPARE(text(tree, 0, "Total"), QStringLiteral("75MB"));
    // A search walks from hit to hit, and what is in front there is in front beside it.
    QTest::keyClick(page.whole(), Qt::Key_Slash);
    auto* edit = qobject_cast<QLineEdit*>(QApplication::focusWidget());
    QVERIFY(edit != nullptr);
    QTest::keyClicks(edit, QStringLiteral("^main"));
    QTest::keyClick(edit, Qt::Key_Return);
    settle();
    QCOMPARE(page.selectedFunction(), QStringLiteral("main"));
    const QModelIndex first = page.whole()->currentIndex();
    QTest::keyClick(edit, Qt::Key_Return);
    QVERIFY(page.whole()->currentIndex() != first);
    QCOMPARE(page.whole()->currentIndex().data().toString(), QStringLiteral("main"));
  }

  void functionsOfADifferenceAreChanges() {
    open({after_}, before_);
    FunctionsPage& page = show<FunctionsPage>("functions");
    const QAbstractItemModel& list = *page.list()->model();
    const int grown = rowNamed(*page.list(), "parser::load").row();
    QCOMPARE(text(list, grown, "Stores"), QString());  // what it calls does: alloc_big
    QCOMPARE(text(list, grown, "Cum"), QStringLiteral("+50MB"));
    click(*page.list(), rowNamed(*page.list(), "old::stay"));
    settle();
    const QAbstractItemModel& up = *page.callers()->model();
    QCOMPARE(text(up, 0, "Change"), QStringLiteral("\u221250MB"));
    QCOMPARE(text(up, 0, "Base"), QStringLiteral("50MB"));
    QVERIFY(!page.callers()->isColumnHidden(CallTreeModel::kFunction));
    window_->session().setBaseline(-1);
    settle();
    QCOMPARE(text(up, 0, "Function"), page.selectedFunction());
    QCOMPARE(up.columnCount(), static_cast<int>(CallTreeModel::kBase));
  }

  void theFunctionInFrontIsWhatFAndCtrlCActOn() {
    open({after_});
    FunctionsPage& page = show<FunctionsPage>("functions");
    click(*page.list(), rowNamed(*page.list(), "parser::load"));
    QTest::keyClick(page.list(), Qt::Key_C, Qt::ControlModifier);
    QVERIFY(QGuiApplication::clipboard()->text().contains(QStringLiteral("parser::load")));
    QTest::keyClick(page.list(), Qt::Key_F);
    settle();
    QCOMPARE(window_->session().query().filters.focus, exactly(QStringLiteral("parser::load")).toStdString());
    QCOMPARE(page.selectedFunction(), QStringLiteral("parser::load"));  // it stays in front
    QVERIFY(!rowNamed(*page.list(), "cache::fill").isValid());
  }

  void theSourceOfTheFunctionInFrontHasTheFiguresOfItsLines() {
    // alloc_big is known.cpp:12, cache::fill line 13: the dump's folder has such a file.
    QFile source(folder_.filePath(QStringLiteral("known.cpp")));
    QVERIFY(source.open(QIODevice::WriteOnly));
    for (int line = 1; line <= 20; ++line)
      source.write(QByteArray("line ") + QByteArray::number(line) + "\n");
    source.close();
    const auto clean = qScopeGuard([&] { source.remove(); });
    open({after_});
    FunctionsPage& page = show<FunctionsPage>("functions");
    click(*page.list(), rowNamed(*page.list(), "alloc_big"));
    settle();
    QTableView& table = *page.source().table();
    const QAbstractItemModelTester tester(table.model(),
                                          QAbstractItemModelTester::FailureReportingMode::QtTest);
    QCOMPARE(page.source().title(), QStringLiteral("known.cpp"));
    QVERIFY(page.source().problem().isEmpty());
    QCOMPARE(text(*table.model(), 11, "Source"), QStringLiteral("line 12"));
    QCOMPARE(text(*table.model(), 11, "Flat"), QStringLiteral("75MB"));
    QCOMPARE(text(*table.model(), 11, "Cum"), QStringLiteral("75MB"));
    QCOMPARE(text(*table.model(), 10, "Flat"), QString());  // parser::load is another function
    QCOMPARE(table.currentIndex().row(), 11);
    QVERIFY(table.viewport()->rect().contains(table.visualRect(table.currentIndex()).center()));
    click(*page.list(), rowNamed(*page.list(), "parser::load"));
    settle();
    QCOMPARE(text(*table.model(), 10, "Cum"), QStringLiteral("75MB"));
    QCOMPARE(text(*table.model(), 10, "Flat"), QStringLiteral("0"));
    // With a baseline the figures are changes.
    open({after_}, before_);
    QCOMPARE(text(*table.model(), 10, "Cum"), QStringLiteral("+50MB"));
  }

  void whereThereIsNoSourceThePaneSaysSo() {
    open({after_});
    FunctionsPage& page = show<FunctionsPage>("functions");
    click(*page.list(), rowNamed(*page.list(), "alloc_big"));
    settle();
    QVERIFY(page.source().problem().startsWith(QStringLiteral("known.cpp is not on this machine")));
    // The lines that the dump names are there all the same.
    QCOMPARE(page.source().table()->model()->rowCount(), 1);
    QCOMPARE(text(*page.source().table()->model(), 0, "Line"), QStringLiteral("12"));
    // And take no more room than they need, to be seen at once.
    QVERIFY(page.source().isFolded());
    const QTableView& lines = *page.source().table();
    QVERIFY2(page.source().height() < page.height() / 5, qPrintable(QString::number(page.source().height())));
    QVERIFY(lines.viewport()->rect().contains(lines.visualRect(lines.model()->index(0, 0))));
    // With the file there is room for its text again.
    QFile source(folder_.filePath(QStringLiteral("known.cpp")));
    QVERIFY(source.open(QIODevice::WriteOnly));
    source.write(QByteArray("line\n").repeated(20));
    source.close();
    const auto clean = qScopeGuard([&] { source.remove(); });
    click(*page.list(), rowNamed(*page.list(), "parser::load"));
    settle();
    QVERIFY(!page.source().isFolded());
    QVERIFY2(page.source().height() > page.height() / 5, qPrintable(QString::number(page.source().height())));
  }

  void purgingGoesFromAdvisedToReturnedToFaultedInAgain() {
    const QString dump =
        makeDump(QStringLiteral(HEAPPROF_MAKE_DUMP), folder_.path(), QStringLiteral("purged.pb.gz"),
                 {QStringLiteral("--samples"), QStringLiteral("2000")});
    open({dump});
    TablePage& page = show<TablePage>("purge");
    const heapprof::Purges& purges = window_->session().snapshot()->heap().purges();
    const QAbstractItemModelTester tester(page.tableView(0)->model(),
                                          QAbstractItemModelTester::FailureReportingMode::QtTest);
    const QAbstractItemModel& flow = *page.tableView(0)->model();
    const auto advised = static_cast<double>(purges.advised_bytes());
    const auto returned = static_cast<double>(purges.returned_bytes());
    QCOMPARE(text(flow, rowNamed(*page.tableView(0), "advised").row(), "Bytes"), formatBytes(advised));
    const int returnedRow = rowNamed(*page.tableView(0), "returned").row();
    QCOMPARE(text(flow, returnedRow, "Bytes"), formatBytes(returned));
    QCOMPARE(text(flow, returnedRow, "Share"), formatFraction(returned / advised));
    const QAbstractItemModel& events = *page.tableView(4)->model();
    QCOMPARE(events.rowCount(), purges.events_size());
    // All reasons together are all events.
    const QAbstractItemModel& reasons = *page.tableView(2)->model();
    int counted = 0;
    for (int at = 0; at < reasons.rowCount(); ++at) counted += text(reasons, at, "Purges").toInt();
    QCOMPARE(counted, purges.events_size());
    QVERIFY(page.tableView(3)->model()->rowCount() > 0);  // who stands in the way
    // The three histograms stand below the short table where there is room, and each bar says what it counts.
    const HistogramStrip& strip = *page.strip();
    QCOMPARE(strip.shown(), 3u);
    window_->resize(1280, 800);
    QTRY_VERIFY(strip.isVisible());
    std::size_t row = 0;
    for (int bucket = 0; bucket < purges.time_histogram().count_size(); ++bucket) {
      const auto count = static_cast<double>(purges.time_histogram().count(bucket));
      if (count == 0) continue;
      QCOMPARE(strip.textAt(strip.bar(1, row).center()),
               QStringLiteral("%1 to %2: %3 passes")
                   .arg(formatNanos(std::ldexp(1.0, bucket)), formatNanos(std::ldexp(1.0, bucket + 1)),
                        formatCount(count)));
      ++row;
    }
    QVERIFY(row > 1);
    window_->resize(800, 600);
    QTRY_VERIFY(!strip.isVisible());
    QCOMPARE(commandFor(*findPage(QStringLiteral("purge")), window_->session()),
             QStringLiteral("heapprof purge ") + dump);
    // Against a dump that has no record of purges, nothing is known of the change.
    open({dump, after_});
    window_->session().setBaseline(1);
    settle();
    QCOMPARE(text(flow, returnedRow, "Bytes"), formatBytes(returned));
    QCOMPARE(text(flow, returnedRow, "Change"), QStringLiteral("unknown"));
  }

  void withoutARecordOfPurgesThePageSaysWhichFieldIsMissing() {
    open({after_});
    show<TablePage>("purge");
    const auto* empty = window_->currentPage()->findChild<EmptyState*>();
    QVERIFY(empty->isVisible());
    QVERIFY(empty->text().contains(QStringLiteral("field 7, purges")));
    QVERIFY(empty->command().startsWith(QStringLiteral("heapprof run")));
  }

  void fragmentationSharesTheFreeRoomOut() {
    open({after_});
    TablePage& page = show<TablePage>("frag");
    QAbstractItemModel& levels = *page.tableView(0)->model();
    const QAbstractItemModelTester tester(&levels, QAbstractItemModelTester::FailureReportingMode::QtTest);
    // Slabs of 64-byte objects: page 1 is half live, page 2 an eighth; 1 + 1.75 MiB are free slots.
    const int slab = rowNamed(*page.tableView(0), "slab: free slots next to live objects").row();
    QCOMPARE(text(levels, slab, "Bytes"), QStringLiteral("2.75MB"));
    const QList<QLabel*> labels = page.findChildren<QLabel*>();
    QVERIFY(std::any_of(labels.begin(), labels.end(), [](const QLabel* label) {
      return label->isVisible() &&
             label->text() == QStringLiteral("The heap has 6MB resident, 3.25MB of it live objects.");
    }));
    QVERIFY(page.tableView(0)->isColumnHidden(0));  // its stable name is for scripts
    const QAbstractItemModel& classes = *page.tableView(3)->model();
    QCOMPARE(text(classes, 0, "Class"), QStringLiteral("64B"));
    QCOMPARE(text(classes, 0, "Free"), QStringLiteral("2.75MB"));
    QCOMPARE(commandFor(*findPage(QStringLiteral("frag")), window_->session()),
             QStringLiteral("heapprof frag ") + after_);
  }

  void fragmentationOfADifferenceIsAChange() {
    open({after_}, before_);
    TablePage& page = show<TablePage>("frag");
    const QAbstractItemModel& levels = *page.tableView(0)->model();
    const int slab = rowNamed(*page.tableView(0), "slab: free slots next to live objects").row();
    QCOMPARE(text(levels, slab, "Change"), QStringLiteral("+1MB"));  // page 1 was full
    QCOMPARE(text(*page.tableView(3)->model(), 0, "Change"), QStringLiteral("+1MB"));
  }

  void withoutAHeapSnapshotThePageSaysHowToRecordOne() {
    open({foreign_});
    show<TablePage>("frag");
    const auto* empty = window_->currentPage()->findChild<EmptyState*>();
    QVERIFY(empty->isVisible());
    QVERIFY(empty->command().startsWith(QStringLiteral("heapprof run")));
  }
};

QTEST_MAIN(GuiPagesTest)
#include "gui_pages_test.moc"

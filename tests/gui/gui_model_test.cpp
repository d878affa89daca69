// What the explorer shows, without a window: figures, tables, layouts, the session's history, loading and
// workers.
#include <QAbstractItemModelTester>
#include <QSemaphore>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <limits>

#include "gui/model/flame_layout.h"
#include "gui/model/loader.h"
#include "gui/model/map_layout.h"
#include "gui/model/runner.h"
#include "gui/model/session.h"
#include "gui/model/table_model.h"
#include "gui/model/tree_pivot.h"
#include "gui/model/units.h"
#include "gui/model/workers.h"
#include "tests/gui/known_dump.h"

namespace {

using heapprof::analysis::CallTree;
using heapprof::analysis::HeapMap;
using namespace heapprof::gui;
namespace model = heapprof::model;

std::shared_ptr<const model::Table> sampleTable() {
  auto table = std::make_shared<model::Table>();
  model::Column name{"name", "Name", "who", model::Unit::kText, false, {"a,b", "c", "d"}, {}, {}, {}};
  model::Column bytes{"bytes",          "Bytes", "how much", model::Unit::kBytes, true, {},
                      {2048, -1024, 0}, {},      {1, 1, 0}};
  bytes.standardError = {512, std::numeric_limits<double>::quiet_NaN(),
                         std::numeric_limits<double>::quiet_NaN()};
  table->columns = {name, bytes};
  return table;
}

CallTree::Node node(std::uint32_t name, std::uint32_t parent, std::uint32_t firstChild,
                    std::uint32_t children, std::uint32_t depth, double total, double self) {
  CallTree::Node made;
  made.name = name;
  made.parent = parent;
  made.firstChild = firstChild;
  made.childCount = children;
  made.depth = depth;
  made.total = total;
  made.self = self;
  return made;
}

// root(100) ─ f(60) ─ g(40) ─ f(10)
//           └ h(40) ─ g(30)
CallTree sampleTree() {
  CallTree tree;
  tree.names = {"root", "f", "g", "h"};
  tree.modules = {"m"};
  tree.unit = "bytes";
  tree.nodes = {node(0, 0, 1, 2, 0, 100, 0), node(1, 0, 3, 1, 1, 60, 20), node(3, 0, 4, 1, 1, 40, 10),
                node(2, 1, 5, 1, 2, 40, 30), node(2, 2, 6, 0, 2, 30, 30), node(1, 3, 6, 0, 3, 10, 10)};
  return tree;
}

HeapMap sampleMap(std::vector<std::uint64_t> index) {
  HeapMap map;
  map.placementBytes = 2u << 20;
  map.granuleBytes = 32u << 10;
  map.index = std::move(index);
  for (std::size_t i = 0; i < map.index.size(); ++i) {
    map.usedFraction.push_back(1.0F);
    map.liveFraction.push_back(static_cast<float>(i) / static_cast<float>(map.index.size()));
    map.residentFraction.push_back(1.0F);
  }
  return map;
}

}  // namespace

class GuiModelTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { QVERIFY(folder_.isValid()); }

  void figuresCarrySignAndUnit() {
    QCOMPARE(formatBytes(-0.2, true), QStringLiteral("0"));
    QCOMPARE(formatBytes(12.5 * 1024 * 1024, true), QStringLiteral("+12.50MB"));
    QCOMPARE(formatBytes(-3072), QStringLiteral("\u22123kB"));
    QCOMPARE(formatCount(1234567), QStringLiteral("1,234,567"));
    QCOMPARE(formatFraction(-0.031, true), QStringLiteral("\u22123.1%"));
    QCOMPARE(formatNanos(90e9), QStringLiteral("1.50min"));
    QCOMPARE(formatExact(model::Unit::kBytes, 2048, true), QStringLiteral("+2,048 bytes"));
    QCOMPARE(formatValue(model::Unit::kAddress, 0x7f0000001000), QStringLiteral("0x7f0000001000"));
  }

  void tableModelKeepsQtsContract() {
    TableModel table;
    const QAbstractItemModelTester tester(&table, QAbstractItemModelTester::FailureReportingMode::QtTest);
    table.setTable(sampleTable());
    QCOMPARE(table.rowCount(), 3);
    QCOMPARE(table.columnCount(), 2);
    table.setTable(std::make_shared<model::Table>());
    QCOMPARE(table.rowCount(), 0);
    table.setTable(sampleTable());
    table.setTable(nullptr);
    QCOMPARE(table.columnCount(), 0);
  }

  void unknownCellsSaySoAndErrorsAreInTheTooltipToo() {
    TableModel table;
    table.setTable(sampleTable());
    QCOMPARE(table.index(0, 1).data().toString(), QStringLiteral("+2kB ± 0.50kB"));
    QCOMPARE(table.index(1, 1).data().toString(), QStringLiteral("\u22121kB"));
    QCOMPARE(table.index(2, 1).data().toString(), QStringLiteral("unknown"));
    QVERIFY(
        table.index(0, 1).data(Qt::ToolTipRole).toString().contains(QStringLiteral("standard error 512B")));
    QVERIFY(!table.index(1, 1).data(Qt::ToolTipRole).toString().contains(QStringLiteral("standard error")));
    QVERIFY(table.index(2, 1).data(Qt::ToolTipRole).toString().contains(QStringLiteral("does not carry")));
    QVERIFY(!table.index(2, 1).data(kSortRole).isValid());
    QCOMPARE(table.headerData(1, Qt::Horizontal, Qt::ToolTipRole).toString(), QStringLiteral("how much"));
    QCOMPARE(tableAsCsv(*sampleTable()), QStringLiteral("name,bytes\n\"a,b\",2048\nc,-1024\nd,\n"));
  }

  void childrenLieInsideTheirParent() {
    const CallTree tree = sampleTree();
    const FlameLayout layout = layoutFlame(tree);
    QCOMPARE(layout.depth, 4u);
    for (std::size_t i = 1; i < tree.nodes.size(); ++i) {
      const std::uint32_t parent = tree.nodes[i].parent;
      QVERIFY(layout.left[i] >= layout.left[parent]);
      QVERIFY(layout.left[i] + layout.width[i] <= layout.left[parent] + layout.width[parent] + 1e-12);
      QCOMPARE(layout.width[i], tree.nodes[i].total / 100);
    }
    const std::vector<FrameRect> zoomed = visibleFrames(tree, layout, 2, 1000);
    QCOMPARE(zoomed.size(), std::size_t{3});  // root, h, g under h
    QCOMPARE(zoomed[0].width, 1000.0F);
    QCOMPARE(zoomed[2].width, 750.0F);
  }

  void narrowFramesAreDrawnTogether() {
    CallTree tree;
    tree.names = {"root", "leaf"};
    tree.modules = {"m"};
    tree.nodes = {node(0, 0, 1, 1000, 0, 1000, 0)};
    for (std::uint32_t i = 0; i < 1000; ++i) tree.nodes.push_back(node(1, 0, 1001, 0, 1, 1, 1));
    const std::vector<FrameRect> frames = visibleFrames(tree, layoutFlame(tree), 0, 100);
    QCOMPARE(frames.size(), std::size_t{2});
    QVERIFY(frames[1].isRest);
    QVERIFY(std::abs(frames[1].width - 100.0F) < 0.01F);
  }

  void aDifferenceShowsWhatIsGone() {
    CallTree tree = sampleTree();
    tree.hasBaseline = true;
    tree.nodes[0].baseTotal = 100;
    tree.nodes[2].baseTotal = 100;  // f is new, h had all
    const FlameLayout layout = layoutFlame(tree);
    QCOMPARE(layout.width[1], 0.3);
    QCOMPARE(layout.width[2], 0.7);
  }

  void nestedMatchesCountOnce() {
    const CallTree tree = sampleTree();
    const FlameMatches matches = matchFrames(tree, QRegularExpression(QStringLiteral("^f$")));
    QCOMPARE(matches.count, std::size_t{2});
    QCOMPARE(matches.matchedTotal, 60.0);
  }

  void calleesMergeAllPlacesOfAFunction() {
    const CallTree callees = calleesOf(sampleTree(), 1);  // f, once with g below it, once below g
    QCOMPARE(callees.nodes[0].childCount, 1u);
    QCOMPARE(callees.names[callees.nodes[1].name], std::string("f"));
    double below = 0;
    const CallTree::Node& top = callees.nodes[1];
    for (std::uint32_t child = 0; child < top.childCount; ++child)
      below += callees.nodes[top.firstChild + child].total;
    QCOMPARE(top.total, below + top.self);
    QCOMPARE(top.total, pivotOn(sampleTree(), 1).nodes[1].total);
    QCOMPARE(calleesOf(sampleTree(), 0).nodes.size(), std::size_t{1});  // no such function
  }

  void pivotMergesAllCallers() {
    const CallTree pivot = pivotOn(sampleTree(), 2);
    QCOMPARE(pivot.nodes[0].total, 70.0);
    QCOMPARE(pivot.nodes[0].childCount, 1u);
    QCOMPARE(pivot.nodes[1].self, 60.0);
    QCOMPARE(pivot.nodes[1].childCount, 2u);
    QCOMPARE(pivot.names[pivot.nodes[2].name], std::string("f"));
    QCOMPARE(pivot.nodes[2].total, 40.0);
    QCOMPARE(pivot.nodes[3].total, 30.0);
    const CallTree tree = sampleTree();
    QCOMPARE(sameNode(tree, 5, tree), 5u);
    QCOMPARE(sameNode(tree, 5, pivot), 0u);
  }

  void everyHugePageHasOneCell() {
    const HeapMap map = sampleMap({0, 1, 511, 512, 5000});
    const MapLayout layout = layoutMap(map, MapOrder::kAddress, 512);
    QCOMPARE(layout.rows(), std::size_t{3});
    QCOMPARE(layout.gapBefore, (std::vector<std::uint8_t>{0, 0, 1}));
    QCOMPARE(layout.rowIndex[2], std::uint64_t{4608});
    for (std::uint32_t unit = 0; unit < 5; ++unit) {
      QCOMPARE(std::count(layout.cellUnit.begin(), layout.cellUnit.end(), unit), 1);
    }
    QCOMPARE(layout.cellUnit[511], 2u);
    QCOMPARE(layout.cellUnit[2 * 512 + 5000 % 512], 4u);
    const MapLayout curve = layoutMap(map, MapOrder::kOccupancy, 4);
    QCOMPARE(curve.cellUnit[0], 4u);  // fullest first
    QCOMPARE(curve.cellUnit[4], 0u);
  }

  void smallHeapsGetLargeCells() {
    std::vector<std::uint64_t> index(50);
    std::iota(index.begin(), index.end(), 0u);
    const MapFit fit = fitMap(sampleMap(index), MapOrder::kAddress, 700, 560);
    QVERIFY2(fit.cellPixels >= 48, qPrintable(QString::number(fit.cellPixels)));
    QVERIFY(static_cast<int>(fit.columns) * fit.cellPixels <= 700);
    std::vector<std::uint64_t> terabyte(524288);
    std::iota(terabyte.begin(), terabyte.end(), 0u);
    QCOMPARE(fitMap(sampleMap(terabyte), MapOrder::kAddress, 700, 560).columns, 512u);
  }

  void theWorstPageIsResidentAndNearlyEmpty() {
    HeapMap map = sampleMap({0, 1, 2});
    map.liveFraction = {0.9F, 0.1F, 0.0F};
    QCOMPARE(mostWasteful(map), 1u);
    map.residentFraction[1] = 0.1F;
    QCOMPARE(mostWasteful(map), 0u);
  }

  void whoeverDropsTheLastReferenceAWorkerFreesIt() {
    QThreadPool& pool = workers();
    const int threads = pool.maxThreadCount();
    QSemaphore release;
    pool.setMaxThreadCount(1);
    pool.start([&] { release.acquire(); });
    auto owned = std::make_shared<const int>(7);
    const std::weak_ptr<const int> watched = owned;
    std::shared_ptr<const int> shown = retiring(std::move(owned));
    std::shared_ptr<const int> other = shown;
    QCOMPARE(*shown, 7);
    shown.reset();
    QVERIFY(!watched.expired());
    other.reset();
    QVERIFY(!watched.expired());  // this thread has let go of it, the worker has not come to it
    release.release();
    QVERIFY(pool.waitForDone(10000));
    QVERIFY(watched.expired());
    pool.setMaxThreadCount(threads);
  }

  void undoTakesBackFiltersAndHistoryEverything() {
    Session session;
    session.showPage(QStringLiteral("flame"));
    QVERIFY(!session.canGoBack());
    QCOMPARE(session.addChip({FilterChip::kFocus, QStringLiteral("a")}), QString());
    QCOMPARE(session.addChip({FilterChip::kIgnore, QStringLiteral("b")}), QString());
    QCOMPARE(session.addChip({FilterChip::kIgnore, QStringLiteral("c")}), QString());
    QCOMPARE(session.query().filters.ignore, std::string("b|c"));
    session.showPage(QStringLiteral("map"));
    session.undoFilter();
    QCOMPARE(session.query().filters.ignore, std::string("b"));
    QCOMPARE(session.state().page, QStringLiteral("map"));  // undo leaves the page alone
    QCOMPARE(session.addChip({FilterChip::kFocus, QStringLiteral("d")}), QString());
    QCOMPARE(session.query().filters.focus, std::string("d"));  // one focus at a time
    session.goBack();
    session.goBack();
    session.goBack();
    QCOMPARE(session.state().page, QStringLiteral("flame"));
    QCOMPARE(session.query().filters.ignore, std::string("b|c"));
    session.goForward();
    QCOMPARE(session.state().page, QStringLiteral("map"));
    QVERIFY(session.addChip({FilterChip::kFocus, QStringLiteral("(")}).contains(QStringLiteral("character")));
    QCOMPARE(exactly(QStringLiteral("a::b(int)")), QStringLiteral("^a::b\\(int\\)$"));
  }

  void onlyTheNewestAnswerArrives() {
    Session session;
    Runner runner(session);
    QSemaphore started;
    QSemaphore release;
    std::atomic<bool> sawCancel{false};
    QStringList answers;
    runner.run(
        [&](const std::function<bool()>& stop) {
          started.release();
          release.acquire();
          sawCancel = stop();
          return QStringLiteral("old");
        },
        [&](const std::shared_ptr<const QString>& answer) { answers << *answer; });
    started.acquire();
    runner.run([](const std::function<bool()>&) { return QStringLiteral("new"); },
               [&](const std::shared_ptr<const QString>& answer) { answers << *answer; });
    release.release();
    QTRY_COMPARE(session.activity(), 0);
    QCOMPARE(answers, QStringList{QStringLiteral("new")});
    QVERIFY(sawCancel);
  }

  void loadingReportsProgressAndLeavesTheEventLoopFree() {
    const QString path = heapprof::test::makeDump(QStringLiteral(HEAPPROF_MAKE_DUMP), folder_.path(),
                                                  QStringLiteral("large.pb.gz"),
                                                  {QStringLiteral("--samples"), QStringLiteral("300000"),
                                                   QStringLiteral("--stacks"), QStringLiteral("50000")});
    QVERIFY(!path.isEmpty());
    Loader loader;
    QSignalSpy progress(&loader, &Loader::progress);
    QSignalSpy loaded(&loader, &Loader::loaded);
    QTimer timer;
    int ticksWhileBusy = 0;
    connect(&timer, &QTimer::timeout, this, [&] { ticksWhileBusy += loader.busy() ? 1 : 0; });
    timer.start(1);
    loader.load({path});
    QTRY_VERIFY_WITH_TIMEOUT(!loader.busy(), 60000);
    QCOMPARE(loaded.size(), 1);
    QVERIFY(progress.size() >= 2);
    double last = -1;
    for (const QList<QVariant>& event : progress) {
      QCOMPARE(event[0].toString(), path);
      if (event[1].toString() != progress[0][1].toString()) continue;  // within one phase
      QVERIFY(event[2].toDouble() >= last && event[2].toDouble() <= 1);
      last = event[2].toDouble();
    }
    QVERIFY(ticksWhileBusy > 3);
    large_ = path;
  }

  void cancelStopsLoadingAndDeliversNothing() {
    Loader loader;
    QSignalSpy loaded(&loader, &Loader::loaded);
    QSignalSpy failed(&loader, &Loader::failed);
    QSignalSpy finished(&loader, &Loader::finished);
    connect(&loader, &Loader::progress, &loader, [&] { loader.cancel(); });
    loader.load({large_, large_});
    QTRY_COMPARE(finished.size(), 1);
    QVERIFY(finished[0][0].toBool());
    QTest::qWait(50);
    QCOMPARE(loaded.size(), 0);
    QCOMPARE(failed.size(), 0);
    const QString known = heapprof::test::writeKnownDump(folder_.path(), QStringLiteral("known.pb.gz"),
                                                         heapprof::test::Known::kAfter);
    loader.disconnect(&loader);
    loader.load({known});  // and the loader works on
    QTRY_COMPARE(loaded.size(), 1);
  }

  void aBadFileIsOneLineThatNamesIt() {
    const QString path = folder_.filePath(QStringLiteral("bad.pb.gz"));
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("this is no profile at all");
    file.close();
    Loader loader;
    QSignalSpy failed(&loader, &Loader::failed);
    loader.load({path, folder_.filePath(QStringLiteral("missing.pb.gz"))});
    QTRY_COMPARE(failed.size(), 2);
    QVERIFY(failed[0][1].toString().contains(path));
    QVERIFY(!failed[0][1].toString().contains(u'\n'));
    QVERIFY(failed[1][1].toString().contains(QStringLiteral("missing.pb.gz")));
  }

 private:
  QTemporaryDir folder_;
  QString large_;
};

QTEST_GUILESS_MAIN(GuiModelTest)
#include "gui_model_test.moc"

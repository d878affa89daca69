// The real window under clicks and keys, on a dump whose every figure is known.
#include <QAbstractItemModelTester>
#include <QClipboard>
#include <QComboBox>
#include <QDialog>
#include <QDropEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QSemaphore>
#include <QSignalSpy>
#include <QTableView>
#include <QThreadPool>
#include <QtTest>

#include "gui/model/table_model.h"
#include "gui/model/workers.h"
#include "gui/view/empty_state.h"
#include "gui/view/finding_card.h"
#include "gui/view/flame_page.h"
#include "gui/view/flame_view.h"
#include "gui/view/functions_page.h"
#include "gui/view/global_bar.h"
#include "gui/view/map_page.h"
#include "gui/view/map_view.h"
#include "gui/view/overview_page.h"
#include "gui/view/page.h"
#include "gui/view/table_page.h"
#include "gui/view/unit_inspector.h"
#include "gui/view/waterfall_view.h"
#include "tests/gui/ink.h"
#include "tests/gui/known_window.h"

using namespace heapprof::gui;
using namespace heapprof::test;

class GuiWindowTest : public QObject, private KnownWindow {
  Q_OBJECT

 private:
  FlameView& flame() { return show<FlamePage>("flame").view(); }

  static std::uint32_t nodeNamed(const FlameView& view, const QString& name) {
    for (std::uint32_t node = 0; node < view.tree()->nodes.size(); ++node) {
      if (view.nameOf(node) == name) return node;
    }
    return FlameView::kNoNode;
  }

  static void click(FlameView& view, std::uint32_t node) {
    QTest::mouseClick(view.viewport(), Qt::LeftButton, {}, view.rectOf(node).center().toPoint());
  }

 private Q_SLOTS:
  void initTestCase() { writeDumps(); }
  void init() { makeWindow(); }
  void cleanup() { window_.reset(); }

  void framesAreAsWideAsTheirBytes() {
    open({after_});
    FlameView& view = flame();
    const double width = view.viewport()->width();
    const QRectF load = view.rectOf(nodeNamed(view, QStringLiteral("parser::load")));
    const QRectF fill = view.rectOf(nodeNamed(view, QStringLiteral("cache::fill")));
    QVERIFY(std::abs(load.width() - 0.75 * width) < 1);
    QVERIFY(std::abs(fill.width() - 0.25 * width) < 1);
    QVERIFY(std::abs(fill.left() - load.right()) < 1);
    QCOMPARE(load.top(), fill.top());
  }

  void paintedFramesHaveTheirColourAndTheirName() {
    open({after_});
    FlameView& view = flame();
    const QImage image = view.viewport()->grab().toImage();
    const std::uint32_t load = nodeNamed(view, QStringLiteral("parser::load"));
    const QRectF rect = view.rectOf(load);
    QCOMPARE(QColor(image.pixel(rect.center().toPoint())), view.colorOf(load));
    QVERIFY(inkIn(image, QRect(rect.topLeft().toPoint() + QPoint(3, 2), QSize(80, 14))) > 40);
    // Below the leaves nothing is drawn.
    const QRect below(10, static_cast<int>(view.rectOf(load).bottom()) + 60, 400, 40);
    QCOMPARE(inkIn(image, below), 0);
  }

  void clickZoomsAndHomeZoomsOut() {
    open({after_});
    FlameView& view = flame();
    const std::uint32_t fill = nodeNamed(view, QStringLiteral("cache::fill"));
    click(view, fill);
    QCOMPARE(view.zoomNode(), fill);
    QVERIFY(std::abs(view.rectOf(fill).width() - view.viewport()->width()) < 1);
    QVERIFY(view.rectOf(nodeNamed(view, QStringLiteral("parser::load"))).isNull());
    QTest::keyClick(&view, Qt::Key_Home);
    QCOMPARE(view.zoomNode(), 0u);
  }

  void arrowKeysWalkTheFrames() {
    open({after_});
    FlameView& view = flame();
    view.setFocus();
    view.select(nodeNamed(view, QStringLiteral("main")));
    QTest::keyClick(&view, Qt::Key_Down);
    QCOMPARE(view.nameOf(view.selectedNode()), QStringLiteral("parser::load"));
    QTest::keyClick(&view, Qt::Key_Right);
    QCOMPARE(view.nameOf(view.selectedNode()), QStringLiteral("cache::fill"));
    QTest::keyClick(&view, Qt::Key_Return);
    QCOMPARE(view.nameOf(view.zoomNode()), QStringLiteral("cache::fill"));
    QTest::keyClick(&view, Qt::Key_Escape);
    QCOMPARE(view.nameOf(view.zoomNode()), QStringLiteral("main"));
  }

  void slashSearchesAndEscapeEndsIt() {
    open({after_});
    FlameView& view = flame();
    QTest::keyClick(&view, Qt::Key_Slash);
    auto* edit = qobject_cast<QLineEdit*>(QApplication::focusWidget());
    QVERIFY(edit != nullptr);
    QTest::keyClicks(edit, QStringLiteral("^cache|nothing"));
    bool said = false;
    for (const QLabel* label : window_->currentPage()->findChildren<QLabel*>()) {
      said = said || label->text() == QStringLiteral("1 frames, 25MB (25.0%)") ||
             label->text() == QStringLiteral("1 frame, 25MB (25.0%)");
    }
    QVERIFY(said);
    const QImage image = view.viewport()->grab().toImage();
    const QPoint hit = view.rectOf(nodeNamed(view, QStringLiteral("cache::fill"))).center().toPoint();
    const QPoint miss = view.rectOf(nodeNamed(view, QStringLiteral("parser::load"))).center().toPoint();
    QVERIFY(QColor(image.pixel(hit)).saturation() > QColor(image.pixel(miss)).saturation());
    QTest::keyClick(edit, Qt::Key_Escape);
    QVERIFY(edit->text().isEmpty());
  }

  void focusAddsAChipAndCtrlZTakesItBack() {
    open({after_});
    FlameView& view = flame();
    click(view, nodeNamed(view, QStringLiteral("cache::fill")));
    QTest::keyClick(&view, Qt::Key_F);
    settle();
    QCOMPARE(window_->session().state().chips.size(), 1);
    QCOMPARE(view.tree()->nodes[0].total, 25 * kMiB);
    QVERIFY(nodeNamed(view, QStringLiteral("parser::load")) == FlameView::kNoNode);
    bool shown = false;
    for (const QLabel* label : window_->bar().findChildren<QLabel*>())
      shown = shown || label->text() == QStringLiteral("focus: ^cache::fill$");
    QVERIFY(shown);
    QTest::keyClick(&view, Qt::Key_Z, Qt::ControlModifier);
    settle();
    QVERIFY(window_->session().state().chips.isEmpty());
    QCOMPARE(view.tree()->nodes[0].total, 100 * kMiB);
  }

  void excludeDropsStacksOnEveryPage() {
    open({after_});
    FlameView& view = flame();
    view.select(nodeNamed(view, QStringLiteral("parser::load")));
    QTest::keyClick(&view, Qt::Key_X);
    settle();
    QCOMPARE(view.tree()->nodes[0].total, 25 * kMiB);
    const QTableView* table = show<FunctionsPage>("functions").list();
    for (int row = 0; row < table->model()->rowCount(); ++row) {
      for (int column = 0; column < table->model()->columnCount(); ++column) {
        QVERIFY(table->model()->index(row, column).data().toString() != QStringLiteral("parser::load"));
      }
    }
  }

  void typedFiltersBecomeChipsAndBadOnesAreExplained() {
    open({after_});
    QLineEdit* edit = window_->bar().filterEdit();
    QTest::keyClicks(edit, QStringLiteral("-parser"));
    QTest::keyClick(edit, Qt::Key_Return);
    QCOMPARE(window_->session().query().filters.ignore, std::string("parser"));
    QTest::keyClicks(edit, QStringLiteral("(oops"));
    QTest::keyClick(edit, Qt::Key_Return);
    QCOMPARE(window_->session().state().chips.size(), 1);
    QVERIFY(window_->findChild<QLabel*>(QStringLiteral("banner"))->text().contains(QStringLiteral("(oops")));
  }

  void pivotShowsAllCallers() {
    open({after_});
    FlamePage& page = show<FlamePage>("flame");
    FlameView& view = page.view();
    view.select(nodeNamed(view, QStringLiteral("alloc_big")));
    QTest::keyClick(&view, Qt::Key_P);
    QCOMPARE(view.nameOf(1), QStringLiteral("alloc_big"));
    QCOMPARE(view.nameOf(2), QStringLiteral("parser::load"));
    QCOMPARE(view.tree()->nodes[0].total, 75 * kMiB);
    QTest::keyClick(&view, Qt::Key_P);
    QCOMPARE(view.tree()->nodes[0].total, 100 * kMiB);
  }

  void controlDigitsSwitchPagesAndAltLeftGoesBack() {
    open({after_});
    for (const PageRow& row : pages()) {
      QTest::keyClick(window_.get(), static_cast<Qt::Key>(Qt::Key_0 + row.key), Qt::ControlModifier);
      QCOMPARE(window_->session().state().page, QLatin1String(row.id));
      QVERIFY(window_->currentPage()->isVisible());
      settle();
    }
    QTest::keyClick(window_.get(), Qt::Key_Left, Qt::AltModifier);
    QCOMPARE(window_->session().state().page, QLatin1String(pages()[pages().size() - 2].id));
    QTest::keyClick(window_.get(), Qt::Key_Right, Qt::AltModifier);
    QCOMPARE(window_->session().state().page, QLatin1String(pages().back().id));
  }

  void waterfallBarsAddUpToRss() {
    open({after_});
    const WaterfallView& chart = show<OverviewPage>("overview").waterfallView();
    const std::vector<WaterfallBar>& bars = chart.bars();
    QVERIFY(bars.size() > 5);
    QCOMPARE(bars.front().to, 150 * kMiB);
    QCOMPARE(bars.back().id, QStringLiteral("unattributed"));
    QVERIFY(std::abs(bars.back().to - 150 * kMiB) < 1);
    const QImage image = const_cast<WaterfallView&>(chart).grab().toImage();
    for (std::size_t i = 1; i < bars.size(); ++i) {
      if (i > 1) QCOMPARE(bars[i].from, bars[i - 1].to);
      const QRectF rect = chart.barRect(i);
      if (!bars[i].known || rect.width() < 12) continue;
      const QPoint middle = rect.center().toPoint();
      QVERIFY(QColor(image.pixel(middle)) != theme().surface);
      if (rect.left() > chart.barRect(0).left() + 20) {  // it floats: left of it is nothing but the grid
        QCOMPARE(QColor(image.pixel(static_cast<int>(rect.left()) - 6, middle.y())), theme().surface);
      }
    }
  }

  void findingsLeadToTheirPage() {
    open({after_});
    OverviewPage& page = show<OverviewPage>("overview");
    const QList<FindingCard*> cards = page.findChildren<FindingCard*>();
    QVERIFY(!cards.isEmpty());
    QSignalSpy opened(cards.front(), &FindingCard::opened);
    QTest::mouseClick(cards.front(), Qt::LeftButton, {}, QPoint(6, 6));
    QCOMPARE(opened.size(), 1);
    QCOMPARE(window_->session().state().page, opened[0][0].toString());
  }

  void aBaselineMakesEveryPageADifference() {
    open({after_}, before_);
    QVERIFY(window_->session().hasBaseline());
    FlameView& view = flame();
    QVERIFY(view.tree()->hasBaseline);
    const std::uint32_t gone = nodeNamed(view, QStringLiteral("old::stay"));
    QVERIFY(!view.rectOf(gone).isNull());
    QVERIFY(view.describe(gone).contains(QStringLiteral("\u221250MB (gone)")));
    const QColor loss = view.colorOf(gone);
    const QColor gain = view.colorOf(nodeNamed(view, QStringLiteral("parser::load")));
    QVERIFY(loss.blue() > loss.red());
    QVERIFY(gain.red() > gain.blue());

    QCOMPARE(show<OverviewPage>("overview").waterfallView().bars().front().to, 140 * kMiB);
    QCOMPARE(show<OverviewPage>("overview").waterfallView().bars().back().to, 150 * kMiB);
    const Change change = changeOf(QStringLiteral("alloc_big"));
    QCOMPARE(change.raw, 50 * kMiB);
    QCOMPARE(change.text, QStringLiteral("+50MB"));
    QVERIFY(!show<MapPage>("map").view().map()->changeFraction.empty());
    QVERIFY(show<TablePage>("compare").tableView(1)->model()->rowCount() >= 2);
    // Without it, all are plain again.
    window_->session().setBaseline(-1);
    settle();
    QVERIFY(!flame().tree()->hasBaseline);
  }

  void closingWhileAPageComputesIsSafe() {
    open({after_});
    QThreadPool& pool = workers();
    const int threads = pool.maxThreadCount();
    QSemaphore release;
    pool.setMaxThreadCount(1);
    pool.start([&] { release.acquire(); });  // so that the page's work is certainly still waiting
    window_->session().showPage(QStringLiteral("flame"));
    window_->session().showPage(QStringLiteral("map"));
    QVERIFY(window_->session().activity() > 0);
    window_.reset();
    release.release();
    QVERIFY(pool.waitForDone(10000));
    QCoreApplication::processEvents();  // late results find nobody
    pool.setMaxThreadCount(threads);
  }

  void theStatusBarSaysTheSameCommand() {
    open({after_}, before_);
    window_->session().addChip({FilterChip::kFocus, QStringLiteral("a|b")});
    const auto command = [&](const char* page) {
      return commandFor(*findPage(QLatin1String(page)), window_->session());
    };
    QCOMPARE(command("overview"), QStringLiteral("heapprof summary %1 --base %2").arg(after_, before_));
    QCOMPARE(command("functions"),
             QStringLiteral("heapprof top -focus 'a|b' -diff_base %2 %1").arg(after_, before_));
    QCOMPARE(command("compare"), QStringLiteral("heapprof diff -focus 'a|b' %2 %1").arg(after_, before_));
    window_->session().setBaseline(-1);
    window_->session().clearChips();
    QCOMPARE(command("overview"), QStringLiteral("heapprof summary %1").arg(after_));
    QCOMPARE(command("flame"), QStringLiteral("heapprof top -cum %1").arg(after_));
    QCOMPARE(command("compare"), QString());
    settle();
  }

  void theKeyBTakesTheDumpInFrontAsBaseline() {
    open({before_, after_});
    QVERIFY(!window_->session().hasBaseline());
    QTest::keyClick(window_.get(), Qt::Key_B);
    settle();
    QCOMPARE(window_->session().snapshot()->path(), after_.toStdString());
    QCOMPARE(window_->session().baseline()->path(), before_.toStdString());
    QTest::keyClick(window_.get(), Qt::Key_Left, Qt::AltModifier);
    QVERIFY(!window_->session().hasBaseline());
    QTest::keyClick(window_.get(), Qt::Key_BracketRight);
    QCOMPARE(window_->session().snapshot()->path(), after_.toStdString());
  }

  void aClickOnTheMapInspectsThatPage() {
    open({after_});
    MapPage& page = show<MapPage>("map");
    MapView& view = page.view();
    QCOMPARE(view.map()->index.size(), std::size_t{4});
    QCOMPARE(view.selectedUnit(), 2u);  // an eighth live, all resident: the worst
    QVERIFY(view.cellPixels() >= 64);
    QTest::mouseClick(view.viewport(), Qt::LeftButton, {}, view.rectOf(0).center().toPoint());
    QCOMPARE(view.selectedUnit(), 0u);
    settle();
    QVERIFY(!page.inspector()
                 .findChildren<QTableView*>()
                 .last()
                 ->model()
                 ->index(0, 0)
                 .data()
                 .toString()
                 .isEmpty());
    const std::vector<PageLook>& pages = page.inspector().strip().pages();
    QCOMPARE(std::count(pages.begin(), pages.end(), PageLook::kFull), std::ptrdiff_t{512});
    QTest::keyClick(&view, Qt::Key_Right);
    QCOMPARE(view.selectedUnit(), 1u);
    settle();
    QCOMPARE(std::count(pages.begin(), pages.end(), PageLook::kPartly), std::ptrdiff_t{512});
    QTest::keyClick(&view, Qt::Key_Right);
    settle();
    QCOMPARE(std::count(pages.begin(), pages.end(), PageLook::kNearlyEmpty), std::ptrdiff_t{512});
    const QImage image = view.viewport()->grab().toImage();
    const QPoint full = view.rectOf(0).center().toPoint();
    QCOMPARE(QColor(image.pixel(full)), unitStateColor(UnitState::kFull));
    // Nothing spills into addresses without a page: right of the three, and between the rows.
    const QRectF last = view.rectOf(2);
    const QRect beside(static_cast<int>(last.right()) + 4, static_cast<int>(last.top()), 20,
                       static_cast<int>(last.height()));
    QCOMPARE(inkIn(image, beside), 0);
    QTest::keyClick(&view, Qt::Key_O);
    settle();
    QVERIFY(view.rectOf(0).left() < view.rectOf(2).left());  // fullest first
  }

  void aPageSaysWhichFieldIsMissingAndHowToRecordIt() {
    open({foreign_});
    show<MapPage>("map");
    const auto* empty = window_->currentPage()->findChild<EmptyState*>();
    QVERIFY(empty->isVisible());
    QVERIFY(empty->text().contains(QStringLiteral("field 1000")));
    QVERIFY(empty->command().startsWith(QStringLiteral("heapprof run")));
    show<TablePage>("compare");
    const auto* second = window_->currentPage()->findChild<EmptyState*>();
    QVERIFY(second->isVisible());
    QVERIFY(second->text().contains(QStringLiteral("two dumps")));
    QVERIFY(flame().isVisible());  // stacks are there
  }

  void tablesSortByFiguresAndCopyRows() {
    open({after_});
    FunctionsPage& page = show<FunctionsPage>("functions");
    QTableView* table = page.list();
    const QAbstractItemModelTester tester(table->model(),
                                          QAbstractItemModelTester::FailureReportingMode::QtTest);
    int flat = -1;
    int name = -1;
    for (int column = 0; column < table->model()->columnCount(); ++column) {
      const QString title = table->model()->headerData(column, Qt::Horizontal).toString();
      if (title == QStringLiteral("Flat")) flat = column;
      if (title == QStringLiteral("Function")) name = column;
    }
    QVERIFY(flat >= 0 && name >= 0);
    table->sortByColumn(flat, Qt::DescendingOrder);
    QCOMPARE(table->model()->index(0, name).data().toString(), QStringLiteral("alloc_big"));
    table->sortByColumn(flat, Qt::AscendingOrder);
    QVERIFY(table->model()->index(0, name).data().toString() != QStringLiteral("alloc_big"));
    table->sortByColumn(flat, Qt::DescendingOrder);
    table->selectRow(0);
    QTest::keyClick(table, Qt::Key_C, Qt::ControlModifier);
    const QStringList lines = QGuiApplication::clipboard()->text().split(u'\n');
    QCOMPARE(lines.size(), 3);
    QVERIFY(lines[1].split(u'\t').contains(QStringLiteral("alloc_big")));
    page.startSearch();
    QTest::keyClicks(QApplication::focusWidget(), QStringLiteral("cache"));
    QCOMPARE(table->model()->rowCount(), 1);
  }

  void droppedFilesOpen() {
    QMimeData mime;
    mime.setUrls({QUrl::fromLocalFile(after_)});
    QDragEnterEvent enter(QPoint(300, 300), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QCoreApplication::sendEvent(window_.get(), &enter);
    QVERIFY(enter.isAccepted());
    QDropEvent drop(QPointF(300, 300), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QCoreApplication::sendEvent(window_.get(), &drop);
    settle();
    QCOMPARE(window_->session().dumps().size(), std::size_t{1});
  }

  void exportsWriteWhatIsShown() {
    open({after_});
    flame();
    const QString svg = folder_.filePath(QStringLiteral("flame.svg"));
    window_->exportSvg(svg);
    QFile file(svg);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray text = file.readAll();
    QVERIFY(text.contains("<text") && text.contains("parser::load"));  // vectors, not a picture
    QVERIFY(!text.contains("<image"));
    const QString csv = folder_.filePath(QStringLiteral("flame.csv"));
    window_->exportCsv(csv);
    QFile table(csv);
    QVERIFY(table.open(QIODevice::ReadOnly));
    QVERIFY(table.readAll().contains("parser::load,1,78643200,0,0,0"));
    const QString png = folder_.filePath(QStringLiteral("flame.png"));
    window_->exportPng(png);
    QVERIFY(QImage(png).width() > 800);
  }

  void questionMarkListsTheKeys() {
    QTest::keyClick(window_.get(), Qt::Key_Question, Qt::ShiftModifier);
    QTRY_VERIFY(window_->findChild<QDialog*>(QStringLiteral("help")) != nullptr);
  }

  void metricChangesEveryFigure() {
    open({after_});
    window_->session().setMetric(QStringLiteral("inuse_objects"));
    settle();
    QCOMPARE(flame().tree()->nodes[0].total, 10000.0);
    QCOMPARE(window_->bar().metricBox()->currentText(), QStringLiteral("live objects"));
  }

 private:
  struct Change {
    double raw = 0;
    QString text;
  };
  Change changeOf(const QString& function) {
    const std::shared_ptr<const heapprof::model::Table> table =
        show<FunctionsPage>("functions").exportTable();
    const heapprof::model::Column* name = table->find("name");
    const heapprof::model::Column* flat = table->find("flat");
    for (std::size_t row = 0; row < table->rows(); ++row) {
      if (name->texts[row] != function.toStdString()) continue;
      TableModel shown;
      shown.setTable(table);
      const QModelIndex cell = shown.index(static_cast<int>(row), shown.columnOf("flat"));
      return {flat->values[row], cell.data().toString()};
    }
    return {};
  }
};

QTEST_MAIN(GuiWindowTest)
#include "gui_window_test.moc"

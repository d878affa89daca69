// A window as small as half a laptop's screen: nothing is cut that has no scroll bar, names stay beside their
// figures, and two dumps can be told apart.
#include <QComboBox>
#include <QHeaderView>
#include <QLabel>
#include <QScrollArea>
#include <QTableView>
#include <QTreeView>
#include <QtTest>

#include "gui/view/finding_card.h"
#include "gui/view/functions_page.h"
#include "gui/view/global_bar.h"
#include "gui/view/overview_page.h"
#include "gui/view/page.h"
#include "gui/view/table_page.h"
#include "tests/gui/known_window.h"

using namespace heapprof::gui;
using namespace heapprof::test;

class GuiNarrowTest : public QObject, private KnownWindow {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { writeDumps(); }
  void init() {
    makeWindow();
    window_->resize(800, 600);
    open({after_}, before_);
  }
  void cleanup() { window_.reset(); }

  void noPageWidensTheWindow() {
    for (const PageRow& row : pages()) {
      show<Page>(row.id);
      QVERIFY2(window_->minimumSizeHint().width() <= 800, row.id);
      QCOMPARE(window_->width(), 800);
    }
  }

  void findingsKeepTheirLinks() {
    const OverviewPage& page = show<OverviewPage>("overview");
    const QScrollArea& scroll = *page.findChild<QScrollArea*>();
    const QList<FindingCard*> cards = page.findChildren<FindingCard*>();
    QVERIFY(!cards.isEmpty());
    for (const FindingCard* card : cards) {
      QVERIFY(card->mapTo(scroll.viewport(), QPoint(card->width(), 0)).x() <= scroll.viewport()->width());
    }
  }

  void theNameComesFirstWhereTheColumnsDoNotFit() {
    const FunctionsPage& page = show<FunctionsPage>("functions");
    const QHeaderView& header = *page.list()->horizontalHeader();
    const QAbstractItemModel& model = *page.list()->model();
    int name = 0;
    while (model.headerData(name, Qt::Horizontal).toString() != QStringLiteral("Function")) ++name;
    QVERIFY(header.length() <= page.list()->viewport()->width());
    QCOMPARE(header.visualIndex(name), name);  // the known dump's figures are short: they fit even here
    page.list()->resize(200, 300);
    QTRY_COMPARE(header.visualIndex(name), 0);
    page.list()->resize(900, 300);
    QTRY_COMPARE(header.visualIndex(name), name);
  }

  void treesKeepRoomForNames() {
    const FunctionsPage& page = show<FunctionsPage>("functions");
    for (const QTreeView* tree : page.findChildren<QTreeView*>()) {
      if (tree->isVisible()) QVERIFY(tree->header()->sectionSize(0) >= 150);
    }
  }

  void dumpsAreNamedWithoutWhatAllOfThemEndIn() {
    QCOMPARE(window_->bar().dumpBox()->currentText(), QStringLiteral("after"));
    const QString metric = window_->bar().metricBox()->currentText();
    QCOMPARE(metric, QStringLiteral("live bytes"));
  }

  void aTableWithoutRowsIsSaidInWords() {
    for (const char* id : {"purge", "frag"}) {
      const TablePage& page = show<TablePage>(id);
      for (const QTableView* view : page.findChildren<QTableView*>()) {
        QCOMPARE(view->isVisible(), view->model()->rowCount() > 0);
      }
    }
  }
};

QTEST_MAIN(GuiNarrowTest)
#include "gui_narrow_test.moc"

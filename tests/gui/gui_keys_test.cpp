// Every key that the help lists, on the real window; and what the window remembers and writes.
#include <QClipboard>
#include <QDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QMenuBar>
#include <QSettings>
#include <QStatusBar>
#include <QTableView>
#include <QtTest>

#include "gui/view/command_palette.h"
#include "gui/view/flame_page.h"
#include "gui/view/flame_view.h"
#include "gui/view/global_bar.h"
#include "gui/view/page.h"
#include "gui/view/page_base.h"
#include "tests/gui/known_window.h"

using namespace heapprof::gui;
using namespace heapprof::test;

class GuiKeysTest : public QObject, private KnownWindow {
  Q_OBJECT

 private:
  QString whole_;  // a dump that every page can show something of

  CommandPalette* openPalette() {
    window_->activateWindow();
    if (!QTest::qWaitForWindowActive(window_.get())) return nullptr;
    QTest::keyClick(window_.get(), Qt::Key_K, Qt::ControlModifier);
    auto* palette = window_->findChild<CommandPalette*>(QStringLiteral("palette"));
    if (palette != nullptr) palette->edit()->setFocus();
    return palette;
  }

  QMenu* recentMenu() {
    for (QMenu* menu : window_->findChildren<QMenu*>())
      if (menu->title() == QStringLiteral("&Recent")) return menu;
    return nullptr;
  }

 private Q_SLOTS:
  void initTestCase() {
    writeDumps();
    whole_ = makeDump(
        QStringLiteral(HEAPPROF_MAKE_DUMP), folder_.path(), QStringLiteral("whole.pb.gz"),
        {QStringLiteral("--samples"), QStringLiteral("3000"), QStringLiteral("--seed"), QStringLiteral("7")});
    QVERIFY(!whole_.isEmpty());
    // What a window remembers stays in the test's folder.
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, folder_.path());
    QCoreApplication::setOrganizationName(QStringLiteral("heapprof"));
    QCoreApplication::setApplicationName(QStringLiteral("heapprof-gui"));
  }
  void init() { makeWindow(); }
  void cleanup() { window_.reset(); }

  void bracketsStepThroughTheDumps() {
    open({before_, after_, whole_});
    const auto front = [&] { return QString::fromStdString(window_->session().snapshot()->path()); };
    QCOMPARE(front(), before_);
    QTest::keyClick(window_.get(), Qt::Key_BracketRight);
    QCOMPARE(front(), after_);
    QTest::keyClick(window_.get(), Qt::Key_BracketLeft);
    QCOMPARE(front(), before_);
    QTest::keyClick(window_.get(), Qt::Key_BracketLeft);
    QCOMPARE(front(), whole_);  // around
    settle();
  }

  void thePaletteGoesToAPage() {
    open({after_});
    CommandPalette* palette = openPalette();
    QVERIFY(palette != nullptr);
    const int all = palette->list()->count();
    QTest::keyClicks(palette->edit(), QStringLiteral("go HEAP"));
    QVERIFY(palette->list()->count() < all);
    QCOMPARE(palette->list()->currentItem()->text(), QStringLiteral("Go: Heap map    Ctrl+6"));
    QTest::keyClick(palette->edit(), Qt::Key_Return);
    QCOMPARE(window_->session().state().page, QStringLiteral("map"));
    settle();
    QTRY_VERIFY(window_->findChild<CommandPalette*>(QStringLiteral("palette")) == nullptr);
  }

  void thePaletteWalksByArrowsAndKnowsMetricsAndDumps() {
    open({after_, before_});
    CommandPalette* palette = openPalette();
    QVERIFY(palette != nullptr);
    QTest::keyClicks(palette->edit(), QStringLiteral("metric inuse"));
    QCOMPARE(palette->list()->count(), 2);
    QTest::keyClick(palette->edit(), Qt::Key_Down);
    QTest::keyClick(palette->edit(), Qt::Key_Down);  // there is no third
    QTest::keyClick(palette->edit(), Qt::Key_Up);
    QCOMPARE(palette->list()->currentRow(), 0);
    QTest::keyClick(palette->edit(), Qt::Key_Return);
    QCOMPARE(window_->session().state().metric, QStringLiteral("inuse_objects"));
    settle();
    palette = openPalette();
    QVERIFY(palette != nullptr);
    QTest::keyClicks(palette->edit(), QStringLiteral("baseline: ") + before_);
    QTest::keyClick(palette->edit(), Qt::Key_Return);
    QVERIFY(window_->session().hasBaseline());
    settle();
    palette = openPalette();
    QVERIFY(palette != nullptr);
    QTest::keyClicks(palette->edit(), QStringLiteral("nothing like this"));
    QCOMPARE(palette->list()->count(), 0);
    QTest::keyClick(palette->edit(), Qt::Key_Return);  // does nothing
    QTest::keyClick(palette->edit(), Qt::Key_Escape);
  }

  void lettersTypedIntoAFieldAreText() {
    open({after_});
    QLineEdit* edit = window_->bar().filterEdit();
    edit->setFocus();
    QTest::keyClicks(edit, QStringLiteral("fxpb[]/?"));
    QCOMPARE(edit->text(), QStringLiteral("fxpb[]/?"));
    QVERIFY(window_->session().state().chips.isEmpty());
    QVERIFY(window_->findChild<QDialog*>(QStringLiteral("help")) == nullptr);
  }

  void aKeyThatDoesNothingHereSaysSo_data() {
    QTest::addColumn<int>("key");
    QTest::newRow("search") << static_cast<int>(Qt::Key_Slash);
    QTest::newRow("pivot") << static_cast<int>(Qt::Key_P);
    QTest::newRow("focus") << static_cast<int>(Qt::Key_F);
    QTest::newRow("exclude") << static_cast<int>(Qt::Key_X);
    QTest::newRow("baseline") << static_cast<int>(Qt::Key_B);
  }

  void aKeyThatDoesNothingHereSaysSo() {
    QFETCH(int, key);
    open({after_});
    window_->session().showPage(QStringLiteral("overview"));
    settle();
    window_->statusBar()->clearMessage();
    QTest::keyClick(window_.get(), static_cast<Qt::Key>(key));
    QVERIFY(!window_->statusBar()->currentMessage().isEmpty());
  }

  void everyPageCopiesItsRowAndExportsItsView_data() {
    QTest::addColumn<QString>("id");
    for (const PageRow& row : pages()) QTest::newRow(row.id) << QString::fromLatin1(row.id);
  }

  void everyPageCopiesItsRowAndExportsItsView() {
    QFETCH(QString, id);
    open({whole_}, after_);
    const Page& page = show<Page>(qPrintable(id));
    // Rows of tables are copied when one is in front.
    if (auto* table = qobject_cast<QTableView*>(page.focusProxy())) table->selectRow(0);
    if (id == QStringLiteral("flame")) QTest::keyClick(page.focusProxy(), Qt::Key_Down);
    QGuiApplication::clipboard()->clear();
    QTest::keyClick(window_.get(), Qt::Key_C, Qt::ControlModifier);
    QVERIFY2(QGuiApplication::clipboard()->text().contains(u'\t'), qPrintable(id));
    const QString png = folder_.filePath(id + QStringLiteral(".png"));
    const QString svg = folder_.filePath(id + QStringLiteral(".svg"));
    const QString csv = folder_.filePath(id + QStringLiteral(".csv"));
    window_->exportPng(png);
    QVERIFY(QImage(png).width() > 800);
    window_->exportSvg(svg);
    QFile drawn(svg);
    QVERIFY(drawn.open(QIODevice::ReadOnly));
    const QByteArray vectors = drawn.readAll();
    // The map is cells; all others are also words.
    QVERIFY(vectors.contains("<path") || vectors.contains("<rect"));
    QVERIFY(id == QStringLiteral("map") || vectors.contains("<text"));
    window_->exportCsv(csv);
    QFile figures(csv);
    QVERIFY(figures.open(QIODevice::ReadOnly));
    QVERIFY(figures.readAll().count('\n') > 1);
  }

  void whatWasOpenedIsUnderRecentFilesNextTime() {
    window_ = std::make_unique<MainWindow>(true);
    window_->show();
    open({after_});
    open({before_});
    window_ = std::make_unique<MainWindow>(true);
    window_->show();
    QMenu* recent = recentMenu();
    QVERIFY(recent != nullptr && recent->isEnabled());
    QCOMPARE(recent->actions().size(), 2);
    QCOMPARE(recent->actions()[0]->text(), before_);  // the newest first
    recent->actions()[1]->trigger();
    settle();
    QCOMPARE(QString::fromStdString(window_->session().snapshot()->path()), after_);
    QCOMPARE(recentMenu()->actions()[0]->text(), after_);
  }
};

QTEST_MAIN(GuiKeysTest)
#include "gui_keys_test.moc"

// The leaks page on a series of dumps whose every figure is known, and against the command line on the same
// files.
#include <QAbstractItemModelTester>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QProcess>
#include <QTableView>
#include <QtTest>
#include <cmath>

#include "gui/view/leaks_page.h"
#include "gui/view/page.h"
#include "gui/view/stack_chart.h"
#include "tests/gui/ink.h"
#include "tests/gui/known_window.h"

using namespace heapprof::gui;
using namespace heapprof::test;

class GuiLeaksTest : public QObject, private KnownWindow {
  Q_OBJECT

 private:
  QStringList steps_;
  QString suppressions_;

  static QString cell(const QTableView& view, int row, const char* title) {
    const QAbstractItemModel& model = *view.model();
    for (int column = 0; column < model.columnCount(); ++column) {
      if (model.headerData(column, Qt::Horizontal).toString() == QLatin1String(title))
        return model.index(row, column).data().toString();
    }
    return QStringLiteral("no column ") + QLatin1String(title);
  }

  QString writeSuppressions(const char* text) {
    QFile file(folder_.filePath(QStringLiteral("known.supp")));
    return file.open(QIODevice::WriteOnly) && file.write(text) > 0 ? file.fileName() : QString();
  }

  static QJsonObject commandLine(const QStringList& flags) {
    QProcess heapprof;
    heapprof.start(
        QStringLiteral(HEAPPROF_CLI),
        QStringList{QStringLiteral("leaks"), QStringLiteral("--format"), QStringLiteral("json")} + flags);
    if (!heapprof.waitForFinished(60000) || heapprof.exitCode() != 0) return {};
    return QJsonDocument::fromJson(heapprof.readAllStandardOutput()).object();
  }

  // Every cell of the page's table is the command line's, and so is every error.
  static void sameFigures(const heapprof::model::Table& shown, const QJsonObject& answer, const char* id) {
    const QJsonArray rows =
        answer[QLatin1String("tables")][QLatin1String(id)][QLatin1String("rows")].toArray();
    QCOMPARE(static_cast<std::size_t>(rows.size()), shown.rows());
    for (std::size_t row = 0; row < shown.rows(); ++row) {
      const QJsonObject said = rows[static_cast<qsizetype>(row)].toObject();
      for (const heapprof::model::Column& column : shown.columns) {
        const QString name = QString::fromStdString(column.id);
        if (!column.isKnown(row)) {
          QVERIFY(said[name].isNull());
        } else if (column.unit == heapprof::model::Unit::kText) {
          QCOMPARE(said[name].toString(), QString::fromStdString(column.texts[row]));
        } else {
          QCOMPARE(said[name].toDouble(), column.values[row]);
        }
        const bool hasError = row < column.standardError.size() && column.isKnown(row) &&
                              !std::isnan(column.standardError[row]);
        if (hasError) QCOMPARE(said[name + QStringLiteral("_stderr")].toDouble(), column.standardError[row]);
      }
    }
  }

 private Q_SLOTS:
  void initTestCase() {
    writeDumps();
    for (int step = 0; step < 3; ++step) {
      steps_ << writeLeakStep(folder_.path(), QStringLiteral("leak.%1.pb.gz").arg(step), step);
      QVERIFY(!steps_.back().isEmpty());
    }
    suppressions_ = writeSuppressions("# known\nleak:^parser::load$\nleak:nowhere\n");
    QVERIFY(!suppressions_.isEmpty());
  }
  void init() { makeWindow(); }
  void cleanup() { window_.reset(); }

  void whatGrowsFromDumpToDumpComesFirstWithItsEvidence() {
    open({steps_[2], steps_[0], steps_[1]});  // in any order
    const LeaksPage& page = show<LeaksPage>("leaks");
    const QAbstractItemModelTester tester(page.stacksView()->model(),
                                          QAbstractItemModelTester::FailureReportingMode::QtTest);
    QCOMPARE(page.headline(), QStringLiteral("3 dumps over 2.00min, the last leak.2.pb.gz: 1 suspect"));
    QCOMPARE(cell(*page.stacksView(), 0, "Verdict"), QStringLiteral("growing"));
    QCOMPARE(cell(*page.stacksView(), 0, "Function"), QStringLiteral("alloc_big"));
    QCOMPARE(cell(*page.stacksView(), 0, "Live"), QStringLiteral("30MB"));
    QVERIFY(cell(*page.stacksView(), 0, "Growth").startsWith(QStringLiteral("+20MB ± ")));
    QVERIFY(cell(*page.stacksView(), 0, "Rate").contains(QStringLiteral(" ± ")));
    QVERIFY(cell(*page.stacksView(), 0, "Rate").endsWith(QStringLiteral("/s")));
    QVERIFY(cell(*page.stacksView(), 1, "Verdict") != QStringLiteral("growing"));
    QVERIFY(page.evidence().startsWith(QStringLiteral("growing: ")));
    QCOMPARE(page.selectedFunction(), QStringLiteral("alloc_big"));
    // It rises from dump to dump, evenly, and what it is drawn with is there.
    const StackChart& chart = page.chart();
    const double first = chart.pointAt(0).y(), second = chart.pointAt(1).y(), third = chart.pointAt(2).y();
    QVERIFY(first > second && second > third);
    QVERIFY(std::abs((first - second) - (second - third)) < 0.01);
    const QImage image = const_cast<StackChart&>(chart).grab().toImage();
    QCOMPARE(QColor(image.pixel(chart.pointAt(1).toPoint())), theme().live);
  }

  void oneDumpIsJudgedByAge() {
    open({steps_[0]});
    const LeaksPage& page = show<LeaksPage>("leaks");
    QVERIFY(page.headline().startsWith(QStringLiteral("One dump, leak.0.pb.gz")));
    for (int column = 0; column < page.stacksView()->model()->columnCount(); ++column) {
      const QString title = page.stacksView()->model()->headerData(column, Qt::Horizontal).toString();
      if (title == QStringLiteral("Growth") || title == QStringLiteral("Rate"))
        QVERIFY(page.stacksView()->isColumnHidden(column));
    }
    // Ages from 3 to 57 seconds: 2^31 to 2^36 nanoseconds.
    QVERIFY(page.chart().ageBar(30).isNull());
    QVERIFY(page.chart().ageBar(31).height() > 0);
    QVERIFY(page.chart().ageBar(35).height() > 0);
    QVERIFY(page.chart().ageBar(36).isNull());
  }

  void anotherDumpThatOpensIsTakenIn() {
    open({steps_[0]});
    const LeaksPage& page = show<LeaksPage>("leaks");
    open({steps_[1], steps_[2]});
    QVERIFY(page.headline().startsWith(QStringLiteral("3 dumps")));
    QCOMPARE(cell(*page.stacksView(), 0, "Verdict"), QStringLiteral("growing"));
    for (int column = 0; column < page.stacksView()->model()->columnCount(); ++column) {
      const QString title = page.stacksView()->model()->headerData(column, Qt::Horizontal).toString();
      if (title == QStringLiteral("Growth")) QVERIFY(!page.stacksView()->isColumnHidden(column));
    }
  }

  void suppressedStacksAreCountedApart() {
    open(steps_);
    const LeaksPage& page = show<LeaksPage>("leaks");
    QVERIFY(!page.suppressedView()->isVisible());
    window_->session().setSuppressions(suppressions_);
    settle();
    QVERIFY(page.headline().endsWith(QStringLiteral("no suspects")));
    QVERIFY(page.suppressedView()->isVisible());
    QCOMPARE(cell(*page.suppressedView(), 0, "Suppression"), QStringLiteral("^parser::load$"));
    QCOMPARE(cell(*page.suppressedView(), 0, "Bytes"), QStringLiteral("30MB"));
    QCOMPARE(cell(*page.suppressedView(), 1, "Stacks"), QStringLiteral("0"));
    QTest::keyClick(window_.get(), Qt::Key_Left, Qt::AltModifier);  // one step of the history
    settle();
    QVERIFY(page.headline().endsWith(QStringLiteral("1 suspect")));
  }

  void aFileThatSuppressesNothingIsExplained() {
    open(steps_);
    const LeaksPage& page = show<LeaksPage>("leaks");
    window_->session().setSuppressions(folder_.filePath(QStringLiteral("none.supp")));
    settle();
    bool said = false;
    for (const QLabel* label : page.findChildren<QLabel*>())
      said = said || (label->isVisible() && label->text().contains(QStringLiteral("none.supp: ")));
    QVERIFY(said);
    QVERIFY(page.headline().endsWith(QStringLiteral("1 suspect")));
  }

  void aVerdictListsItsStacks() {
    open(steps_);
    const LeaksPage& page = show<LeaksPage>("leaks");
    QCOMPARE(page.stacksView()->model()->rowCount(), 2);
    page.verdictsView()->setFocus();
    page.verdictsView()->setCurrentIndex(page.verdictsView()->model()->index(0, 0));
    QTest::keyClick(page.verdictsView(), Qt::Key_Return);
    QCOMPARE(page.stacksView()->model()->rowCount(), 1);
    QCOMPARE(cell(*page.stacksView(), 0, "Verdict"), cell(*page.verdictsView(), 0, "Verdict"));
    QTest::keyClick(window_.get(), Qt::Key_Escape);
    QCOMPARE(page.stacksView()->model()->rowCount(), 2);
  }

  void theCommandLineSaysTheSame() {
    open(steps_);
    const LeaksPage& page = show<LeaksPage>("leaks");
    QString command = commandFor(*findPage(QStringLiteral("leaks")), window_->session());
    QCOMPARE(command, QStringLiteral("heapprof leaks ") + steps_.join(u' '));
    const QJsonObject plain = commandLine(steps_);
    QCOMPARE(plain[QLatin1String("facts")][QLatin1String("suspects")].toInt(), 1);
    sameFigures(*page.exportTable(), plain, "leaks");
    window_->session().setSuppressions(suppressions_);
    window_->session().addChip({FilterChip::kIgnore, QStringLiteral("nobody")});
    settle();
    command = commandFor(*findPage(QStringLiteral("leaks")), window_->session());
    QCOMPARE(command, QStringLiteral("heapprof leaks -ignore nobody --suppressions %1 %2")
                          .arg(suppressions_, steps_.join(u' ')));
    sameFigures(*page.exportTable(),
                commandLine(QStringList{QStringLiteral("--suppressions"), suppressions_} + steps_), "leaks");
  }
};

QTEST_MAIN(GuiLeaksTest)
#include "gui_leaks_test.moc"

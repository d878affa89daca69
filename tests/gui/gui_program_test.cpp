// The program as people and CI run it: --screenshot renders every page without a display, and what cannot be
// done is one line on standard error and exit code 2.
#include <QImage>
#include <QProcess>
#include <QSet>
#include <QTemporaryDir>
#include <QtTest>

#include "tests/gui/known_dump.h"

using heapprof::test::Known;

class GuiProgramTest : public QObject {
  Q_OBJECT

 private:
  struct Outcome {
    int code = -1;
    QString errors;
  };

  Outcome run(const QStringList& arguments) const {
    QProcess process;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    for (const char* name : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"})
      environment.remove(QLatin1String(name));
    process.setProcessEnvironment(environment);
    process.start(QStringLiteral(HEAPPROF_GUI), arguments);
    if (!process.waitForFinished(60000)) return {};
    return {process.exitCode(), QString::fromUtf8(process.readAllStandardError())};
  }

  QTemporaryDir folder_;
  QString after_;
  QString before_;

 private Q_SLOTS:
  void initTestCase() {
    after_ = heapprof::test::writeKnownDump(folder_.path(), QStringLiteral("after.pb.gz"), Known::kAfter);
    before_ = heapprof::test::writeKnownDump(folder_.path(), QStringLiteral("before.pb.gz"), Known::kBefore);
    QVERIFY(!after_.isEmpty() && !before_.isEmpty());
  }

  void everyPageRendersWithoutADisplay_data() {
    QTest::addColumn<QString>("page");
    QTest::addColumn<bool>("dark");
    for (const char* page : {"overview", "flame", "functions", "leaks", "frag", "map", "compare", "info"}) {
      QTest::newRow(page) << QString::fromLatin1(page) << false;
      QTest::newRow(qPrintable(QString::fromLatin1(page) + QStringLiteral(" dark")))
          << QString::fromLatin1(page) << true;
    }
  }

  void everyPageRendersWithoutADisplay() {
    QFETCH(QString, page);
    QFETCH(bool, dark);
    const QString output = folder_.filePath(page + QStringLiteral(".png"));
    QStringList arguments{QStringLiteral("--screenshot"),
                          page,
                          after_,
                          QStringLiteral("--base"),
                          before_,
                          QStringLiteral("--size"),
                          QStringLiteral("1000x640"),
                          QStringLiteral("-o"),
                          output};
    if (dark) arguments << QStringLiteral("--dark");
    const Outcome outcome = run(arguments);
    QCOMPARE(outcome.errors, QString());
    QCOMPARE(outcome.code, 0);
    const QImage image(output);
    QCOMPARE(image.size(), QSize(1000, 640));
    QSet<QRgb> colors;
    qint64 light = 0;
    for (int y = 0; y < image.height(); ++y) {
      for (int x = 0; x < image.width(); ++x) {
        colors.insert(image.pixel(x, y));
        light += qGray(image.pixel(x, y));
      }
    }
    QVERIFY2(colors.size() > 60,
             qPrintable(QString::number(colors.size())));  // text alone gives dozens of greys
    QCOMPARE(light / (image.width() * image.height()) < 128, dark);
  }

  void aPageCarriesTheDumpsFigures() {
    // The same page of two dumps must differ where the figures are, and only there.
    const QString one = folder_.filePath(QStringLiteral("one.png"));
    const QString two = folder_.filePath(QStringLiteral("two.png"));
    QCOMPARE(run({QStringLiteral("--screenshot"), QStringLiteral("flame"), after_, QStringLiteral("-o"), one})
                 .code,
             0);
    QCOMPARE(
        run({QStringLiteral("--screenshot"), QStringLiteral("flame"), before_, QStringLiteral("-o"), two})
            .code,
        0);
    const QImage a(one);
    const QImage b(two);
    QVERIFY(a.copy(200, 90, 1000, 200) != b.copy(200, 90, 1000, 200));
    QVERIFY(a.copy(0, 0, 150, 780) == b.copy(0, 0, 150, 780));  // the rail
    QCOMPARE(run({QStringLiteral("--screenshot"), QStringLiteral("flame"), after_, QStringLiteral("-o"), two})
                 .code,
             0);
    QVERIFY(a == QImage(two));  // and one dump gives one picture
  }

  void mistakesAreOneLineAndExitCode2_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("says");
    const QString out = folder_.filePath(QStringLiteral("never.png"));
    const QString missing = folder_.filePath(QStringLiteral("missing.pb.gz"));
    const auto shot = [&](const QString& page, const QString& file, const QString& to) {
      return QStringList{QStringLiteral("--screenshot"), page, file, QStringLiteral("-o"), to};
    };
    const QString map = QStringLiteral("map");
    QTest::newRow("missing file") << shot(map, missing, out) << missing;
    QTest::newRow("unknown page") << shot(QStringLiteral("mpa"), after_, out)
                                  << QStringLiteral("overview, flame");
    QTest::newRow("no dump") << QStringList{QStringLiteral("--screenshot"), map, QStringLiteral("-o"), out}
                             << QStringLiteral("needs a dump");
    QTest::newRow("no output") << QStringList{QStringLiteral("--screenshot"), map, after_}
                               << QStringLiteral("-o");
    QTest::newRow("bad size") << (shot(map, after_, out) << QStringLiteral("--size") << QStringLiteral("9x"))
                              << QStringLiteral("WIDTHxHEIGHT");
    QTest::newRow("unwritable") << shot(map, after_, QStringLiteral("/nowhere/at/all.png"))
                                << QStringLiteral("/nowhere/at/all.png");
    QTest::newRow("no display") << QStringList{after_} << QStringLiteral("no display");
  }

  void mistakesAreOneLineAndExitCode2() {
    QFETCH(QStringList, arguments);
    QFETCH(QString, says);
    const Outcome outcome = run(arguments);
    QCOMPARE(outcome.code, 2);
    QVERIFY2(outcome.errors.contains(says), qPrintable(outcome.errors));
    QCOMPARE(outcome.errors.count(u'\n'), 1);
    QVERIFY(!QFile::exists(folder_.filePath(QStringLiteral("never.png"))));
  }
};

QTEST_GUILESS_MAIN(GuiProgramTest)
#include "gui_program_test.moc"

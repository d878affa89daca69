// heapprof-gui: opens dumps in a window, or renders one page of one into a PNG.
#include <QApplication>
#include <QCommandLineParser>
#include <QSettings>
#include <cstdio>
#include <cstring>

#include "gui/view/main_window.h"
#include "gui/view/page.h"
#include "gui/view/screenshot.h"
#include "gui/view/theme.h"

namespace {

using heapprof::gui::MainWindow;

int complain(const QString& line) {
  std::fprintf(stderr, "heapprof-gui: %s\n", qUtf8Printable(line));
  return 2;
}

bool hasArgument(int argc, char** argv, const char* name) {
  const std::size_t length = std::strlen(name);
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], name, length) == 0 && (argv[i][length] == '\0' || argv[i][length] == '='))
      return true;
  }
  return false;
}

// Qt aborts when it finds no display; help, version and screenshots need none.
bool needsNoDisplay(int argc, char** argv) {
  for (const char* name : {"--screenshot", "--help", "-h", "--version", "-v"}) {
    if (hasArgument(argc, argv, name)) return true;
  }
  return false;
}

// Qt's offscreen plugin warns about what it lacks; on standard error belongs what is wrong with the request.
void dropWarnings(QtMsgType type, const QMessageLogContext&, const QString& text) {
  if (type == QtCriticalMsg || type == QtFatalMsg)
    std::fprintf(stderr, "heapprof-gui: %s\n", qUtf8Printable(text));
}

QStringList pageIds() {
  QStringList ids;
  for (const heapprof::gui::PageRow& row : heapprof::gui::pages()) ids << QLatin1String(row.id);
  return ids;
}

void addOptions(QCommandLineParser& parser) {
  parser.setApplicationDescription(QStringLiteral(
      "Explores heap dumps: where resident memory went, who allocated it, and what holds each huge page.\n\n"
      "  heapprof-gui redis.pb.gz                          one dump\n"
      "  heapprof-gui after.pb.gz --base before.pb.gz      every page is a difference\n"
      "  heapprof-gui --screenshot map redis.pb.gz -o map.png"));
  parser.addHelpOption();
  parser.addVersionOption();
  parser.addPositionalArgument(QStringLiteral("FILE"),
                               QStringLiteral("dumps; the first is shown, [ and ] step through the others"),
                               QStringLiteral("[FILE…]"));
  parser.addOption(
      {QStringLiteral("base"), QStringLiteral("compare with this dump"), QStringLiteral("FILE")});
  parser.addOption(
      {QStringLiteral("screenshot"),
       QStringLiteral("render this page without a display: ") + pageIds().join(QStringLiteral(", ")),
       QStringLiteral("PAGE")});
  parser.addOption({QStringLiteral("size"), QStringLiteral("of the screenshot (1280x800)"),
                    QStringLiteral("WxH"), QStringLiteral("1280x800")});
  parser.addOption({QStringLiteral("dark"), QStringLiteral("dark colours")});
  parser.addOption({{QStringLiteral("o"), QStringLiteral("output")},
                    QStringLiteral("where the screenshot goes"),
                    QStringLiteral("PNG")});
}

int screenshot(const QCommandLineParser& parser) {
  heapprof::gui::ScreenshotRequest request;
  request.page = parser.value(QStringLiteral("screenshot"));
  request.files = parser.positionalArguments();
  request.base = parser.value(QStringLiteral("base"));
  request.output = parser.value(QStringLiteral("output"));
  const QStringList size = parser.value(QStringLiteral("size")).split(u'x');
  bool wide = false;
  bool high = false;
  request.size = QSize(size.value(0).toInt(&wide), size.value(1).toInt(&high));
  if (size.size() != 2 || !wide || !high || request.size.width() < 320 || request.size.height() < 240 ||
      request.size.width() > 16384 || request.size.height() > 16384) {
    return complain(QStringLiteral("--size '%1': give WIDTHxHEIGHT from 320x240 to 16384x16384")
                        .arg(parser.value(QStringLiteral("size"))));
  }
  if (request.files.isEmpty())
    return complain(QStringLiteral("--screenshot needs a dump: heapprof-gui --screenshot map FILE -o F.png"));
  if (request.output.isEmpty()) return complain(QStringLiteral("--screenshot needs -o F.png"));
  return heapprof::gui::takeScreenshot(request);
}

int explore(const QCommandLineParser& parser) {
  MainWindow window(true);
  // A file that does not open is what a shell wants to know; the window stays for what did open.
  QObject::connect(&window.loader(), &heapprof::gui::Loader::failed, &window,
                   [&window](const QString&, const QString& message) {
                     complain(message);
                     window.setProperty("failed", true);
                   });
  QObject::connect(&window.loader(), &heapprof::gui::Loader::finished, &window, [&window](bool) {
    if (window.property("failed").toBool() && window.session().dumps().empty()) QCoreApplication::exit(2);
    window.setProperty("failed", false);
    QObject::disconnect(&window.loader(), &heapprof::gui::Loader::finished, &window, nullptr);
  });
  window.show();
  const QStringList files = parser.positionalArguments();
  if (!files.isEmpty() || parser.isSet(QStringLiteral("base")))
    window.open(files, parser.value(QStringLiteral("base")));
  return QApplication::exec();
}

}  // namespace

int main(int argc, char** argv) {
  if (needsNoDisplay(argc, argv)) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
    qInstallMessageHandler(dropWarnings);
  } else if (qEnvironmentVariableIsEmpty("DISPLAY") && qEnvironmentVariableIsEmpty("WAYLAND_DISPLAY") &&
             qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM") && !hasArgument(argc, argv, "-platform")) {
    return complain(
        QStringLiteral("there is no display (DISPLAY and WAYLAND_DISPLAY are not set); render a page with "
                       "--screenshot PAGE FILE -o F.png"));
  }
  QApplication application(argc, argv);
  QCoreApplication::setOrganizationName(QStringLiteral("heapprof"));
  QCoreApplication::setApplicationName(QStringLiteral("heapprof-gui"));
  QCoreApplication::setApplicationVersion(QStringLiteral("0.1.0"));
  QCommandLineParser parser;
  addOptions(parser);
  parser.process(application);
  const bool isScreenshot = parser.isSet(QStringLiteral("screenshot"));
  const bool dark = parser.isSet(QStringLiteral("dark")) ||
                    (!isScreenshot && QSettings().value(QStringLiteral("dark")).toBool());
  heapprof::gui::applyTheme(application, dark);
  return isScreenshot ? screenshot(parser) : explore(parser);
}

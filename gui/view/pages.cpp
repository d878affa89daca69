#include "gui/model/session.h"
#include "gui/view/flame_page.h"
#include "gui/view/map_page.h"
#include "gui/view/overview_page.h"
#include "gui/view/page.h"
#include "gui/view/table_page.h"

namespace heapprof::gui {
namespace {

constexpr char kNoSamples[] =
    "This dump has no samples: sampling was off, or nothing was allocated after it was switched on. Record "
    "with "
    "sampling:\nheapprof run -- ./your-service";
constexpr char kNoHeapSnapshot[] =
    "This file has no heap snapshot (Profile field 1000: extents and huge pages), as profiles of other "
    "tools. Record a "
    "dump with the runtime:\nheapprof run -- ./your-service";
constexpr char kNoBaseline[] =
    "A comparison needs two dumps: open a second one and choose it as baseline above, or press B on the "
    "older one. "
    "From the shell:\nheapprof-gui NEW --base OLD";

constexpr char kFlameKeys[] =
    "click, Enter\tzoom into a frame\n"
    "Esc, Home\tzoom out, zoom out fully\n"
    "arrow keys\tmove over frames\n"
    "I\tflip between icicle and flame\n"
    "P\tpivot: all callers of the frame\n"
    "right click\tfocus, exclude, pivot, copy";
constexpr char kTableKeys[] = "click on a header\tsort by that column\ndouble click\tfocus on the function";
constexpr char kMapKeys[] =
    "click, arrow keys\tinspect a huge page\n"
    "Ctrl+wheel, + and -\tzoom\n"
    "0\tfit the heap to the window\n"
    "drag\tpan\n"
    "C\tnext colouring\n"
    "O\torder by address or by occupancy";

}  // namespace

const std::vector<PageRow>& pages() {
  static const std::vector<PageRow> kPages{
      {"overview", "Overview", 1, Needs::kNothing, "heapprof summary FILE", "",
       "Enter\topen the finding in front", createOverviewPage},
      {"flame", "Flame graph", 2, Needs::kSamples, "heapprof top -cum FILE", kNoSamples, kFlameKeys,
       createFlamePage},
      {"functions", "Functions", 3, Needs::kSamples, "heapprof top FILE", kNoSamples, kTableKeys,
       createFunctionsPage},
      {"map", "Heap map", 4, Needs::kHeapSnapshot, "", kNoHeapSnapshot, kMapKeys, createMapPage},
      {"compare", "Compare", 5, Needs::kTwoDumps, "heapprof diff FILE", kNoBaseline, kTableKeys,
       createComparePage},
      {"info", "About the dump", 6, Needs::kNothing, "heapprof info FILE", "", kTableKeys, createInfoPage},
  };
  return kPages;
}

const PageRow* findPage(const QString& id) {
  for (const PageRow& row : pages()) {
    if (id == QLatin1String(row.id)) return &row;
  }
  return nullptr;
}

namespace {

QString shellWord(const QString& word) {
  static const QRegularExpression plain(QStringLiteral("^[A-Za-z0-9_./:=+,@%-]+$"));
  if (plain.match(word).hasMatch()) return word;
  QString quoted = word;
  quoted.replace(QLatin1String("'"), QLatin1String("'\\''"));
  return u'\'' + quoted + u'\'';
}

}  // namespace

QString commandFor(const PageRow& row, const Session& session) {
  QString command = QString::fromUtf8(row.command);
  const model::SnapshotPtr snapshot = session.snapshot();
  if (command.isEmpty() || !snapshot || (row.needs == Needs::kTwoDumps && !session.hasBaseline())) return {};
  QString files = shellWord(QString::fromStdString(snapshot->path()));
  QString options;
  if (const model::SnapshotPtr baseline = session.baseline()) {
    const QString base = shellWord(QString::fromStdString(baseline->path()));
    if (row.needs == Needs::kTwoDumps) {
      files = base + u' ' + files;
    } else if (row.needs == Needs::kSamples) {
      options += QLatin1String("-diff_base ") + base + u' ';
    }
  }
  if (row.needs == Needs::kSamples || row.needs == Needs::kTwoDumps) {
    const model::Filters filters = session.query().filters;
    const std::pair<const char*, const std::string*> named[] = {
        {"focus", &filters.focus}, {"ignore", &filters.ignore},      {"hide", &filters.hide},
        {"show", &filters.show},   {"show_from", &filters.showFrom},
    };
    if (!session.state().metric.isEmpty())
      options += QLatin1String("-sample_index ") + session.state().metric + u' ';
    for (const auto& [name, value] : named) {
      if (!value->empty())
        options += u'-' + QLatin1String(name) + u' ' + shellWord(QString::fromStdString(*value)) + u' ';
    }
  }
  return command.replace(QLatin1String("FILE"), options + files);
}

}  // namespace heapprof::gui

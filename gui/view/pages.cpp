#include "gui/model/session.h"
#include "gui/view/flame_page.h"
#include "gui/view/functions_page.h"
#include "gui/view/leaks_page.h"
#include "gui/view/map_page.h"
#include "gui/view/overview_page.h"
#include "gui/view/page.h"
#include "gui/view/table_page.h"
#include "gui/view/timeline_page.h"

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
constexpr char kNoPurges[] =
    "This dump has no record of purges (HeapSnapshot field 7, purges): it was taken by a runtime that does "
    "not "
    "score them, or by another tool. Record a dump with the runtime:\nheapprof run -- ./your-service";
constexpr char kNoTimeline[] =
    "This dump has no timeline (HeapSnapshot field 8, timeline): its program was started without one. A row "
    "a "
    "second is recorded with HEAPPROF=...,timeline=1s, or:\nheapprof run --set timeline=1s -- ./your-service";
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
constexpr char kTimelineKeys[] =
    "pointer, Left, Right\tshow the figures of a moment\n"
    "Home, End\tfirst and last moment\n"
    "Esc\thide them";
constexpr char kTableKeys[] = "click on a header\tsort by that column\ndouble click\tfocus on the function";
constexpr char kLeaksKeys[] =
    "click, arrow keys\tshow what the verdict on a stack rests on\n"
    "Enter on a verdict\tlist its stacks\n"
    "double click\tfocus on the function";
constexpr char kFunctionsKeys[] =
    "click, arrow keys\tshow its callers and callees\n"
    "Enter on a caller or callee\tbring it to the front\n"
    "Left, Right\tclose and open a branch\n"
    "/ and Enter\tsearch; in a tree, each Enter goes on to the next\n"
    "double click in the list\tfocus on the function";
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
      {"overview", "Overview", 1, Needs::kNothing, "heapprof summary FILE [--base BASE]", "",
       "Enter\topen the finding in front", createOverviewPage},
      {"flame", "Flame graph", 2, Needs::kSamples, "heapprof top -cum FILTERS [-diff_base BASE] FILE",
       kNoSamples, kFlameKeys, createFlamePage},
      {"functions", "Functions", 3, Needs::kSamples, "heapprof top FILTERS [-diff_base BASE] FILE",
       kNoSamples, kFunctionsKeys, createFunctionsPage},
      {"leaks", "Leaks", 4, Needs::kSamples, "heapprof leaks STACKS SUPPRESSIONS FILES", kNoSamples,
       kLeaksKeys, createLeaksPage},
      {"frag", "Fragmentation", 5, Needs::kHeapSnapshot, "heapprof frag STACKS [--base BASE] FILE",
       kNoHeapSnapshot, kTableKeys, createFragmentationPage},
      {"map", "Heap map", 6, Needs::kHeapSnapshot, "heapprof map STACKS [--base BASE] FILE", kNoHeapSnapshot,
       kMapKeys, createMapPage},
      {"purge", "Purging", 7, Needs::kPurges, "heapprof purge STACKS [--base BASE] FILE", kNoPurges,
       kTableKeys, createPurgePage},
      {"timeline", "Timeline", 8, Needs::kTimeline, "heapprof timeline FILE", kNoTimeline, kTimelineKeys,
       createTimelinePage},
      {"compare", "Compare", 9, Needs::kTwoDumps, "heapprof diff FILTERS BASE FILE", kNoBaseline, kTableKeys,
       createComparePage},
      {"info", "About the dump", 0, Needs::kNothing, "heapprof info FILE", "", kTableKeys, createInfoPage},
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
  const model::SnapshotPtr baseline = session.baseline();
  if (command.isEmpty() || !snapshot || (row.needs == Needs::kTwoDumps && !baseline)) return {};
  static const QRegularExpression onlyWithBase(QStringLiteral(" ?\\[([^\\]]*)\\]"));
  command.replace(onlyWithBase, baseline ? QStringLiteral(" \\1") : QString());
  const auto pathOf = [](const model::SnapshotPtr& dump) {
    return shellWord(QString::fromStdString(dump->path()));
  };
  QStringList metric, filters;
  if (!session.state().metric.isEmpty()) metric << QLatin1String("-sample_index") << session.state().metric;
  const model::Filters asked = session.query().filters;
  const std::pair<const char*, const std::string*> named[] = {
      {"-focus", &asked.focus}, {"-ignore", &asked.ignore},      {"-hide", &asked.hide},
      {"-show", &asked.show},   {"-show_from", &asked.showFrom},
  };
  for (const auto& [name, value] : named) {
    if (!value->empty()) filters << QLatin1String(name) << shellWord(QString::fromStdString(*value));
  }
  for (const std::string& tag : asked.tagFocus)
    filters << QLatin1String("-tagfocus") << shellWord(QString::fromStdString(tag));
  for (const std::string& tag : asked.tagIgnore)
    filters << QLatin1String("-tagignore") << shellWord(QString::fromStdString(tag));
  QStringList everyFile;
  for (const model::SnapshotPtr& dump : session.dumps()) everyFile << pathOf(dump);
  const QString file = session.state().suppressions;
  const QString suppressions =
      file.isEmpty() ? QString() : QStringLiteral("--suppressions ") + shellWord(file);
  QStringList words = command.split(u' ', Qt::SkipEmptyParts);
  for (QString& word : words) {
    if (word == QLatin1String("FILE"))
      word = pathOf(snapshot);
    else if (word == QLatin1String("BASE"))
      word = pathOf(baseline);
    else if (word == QLatin1String("FILTERS"))
      word = (metric + filters).join(u' ');
    else if (word == QLatin1String("STACKS"))
      word = filters.join(u' ');
    else if (word == QLatin1String("FILES"))
      word = everyFile.join(u' ');
    else if (word == QLatin1String("SUPPRESSIONS"))
      word = suppressions;
  }
  words.removeAll(QString());
  return words.join(u' ');
}

}  // namespace heapprof::gui

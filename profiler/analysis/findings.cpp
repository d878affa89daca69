#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/leak_verdict.h"
#include "profiler/analysis/runtimes.h"
#include "profiler/analysis/stack_groups.h"
#include "profiler/analysis/stack_view.h"
#include "profiler/analysis/waterfall_lines.h"
#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

constexpr std::size_t kMostFindings = 5;
constexpr std::size_t kMostGrown = 2;
constexpr double kSameWithin = 2;       // standard errors: less is not told from none
constexpr double kWorthTelling = 0.01;  // of RSS (of the dump's total where RSS is unknown)

using model::bytesText;

std::string percent(double part, double whole) {
  return whole > 0 ? absl::StrFormat("%.1f%%", 100 * part / whole) : std::string("?");
}

// As a shell takes it.
std::string shellQuoted(absl::string_view path) {
  constexpr absl::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-=:,@%";
  if (!path.empty() && path.find_first_not_of(kPlain) == absl::string_view::npos) return std::string(path);
  return absl::StrCat("'", absl::StrReplaceAll(path, {{"'", "'\\''"}}), "'");
}

// For pprof's filters, which are regular expressions.
std::string escapedRegex(absl::string_view text) {
  std::string out;
  for (char c : text) {
    if (absl::StrContains("\\.+*?()|[]{}^$", absl::string_view(&c, 1))) out += '\\';
    out += c;
  }
  return out;
}

// What all rules look at.
struct Scene {
  const model::Query& query;
  const model::Snapshot& snapshot;
  std::string file;
  Waterfall fall;  // empty without a heap snapshot
  double rss = 0;  // 0: unknown

  std::string metric() const {
    const absl::optional<std::size_t> type = snapshot.sampleType(query.metric);
    return model::metricTitle(type ? snapshot.sampleTypeNames()[*type] : query.metric);
  }
  absl::optional<double> bytes(absl::string_view id) const {
    const WaterfallLine* line = fall.find(id);
    return line == nullptr ? absl::nullopt : line->bytes;
  }
};

using Findings = std::vector<Finding>;

absl::Status growth(const Scene& scene, Findings* out) {
  if (scene.query.baseline == nullptr || scene.query.baselineMode == model::BaselineMode::kNone) {
    return absl::OkStatus();
  }
  absl::StatusOr<model::Table> held = owners(scene.query);
  if (!held.ok()) return held.status();
  const model::Column& change = *held->find("change");
  const model::Column& base = *held->find("base");
  const model::Column& now = *held->find("held");
  const double all = std::accumulate(now.values.begin(), now.values.end(), 0.0);
  const model::Column& stacks = *held->find("stacks");
  const model::Column& name = *held->find("name");
  std::size_t told = 0;
  for (std::size_t row = 0; row < held->rows() && told < kMostGrown; ++row) {
    const double error = std::isnan(change.standardError[row]) ? 0 : change.standardError[row];
    if (change.values[row] <= kSameWithin * error || change.unit != model::Unit::kBytes) continue;
    ++told;
    out->push_back({"growth",
                    absl::StrCat(name.texts[row], " holds ", bytesText(change.values[row]),
                                 " more than in the baseline"),
                    absl::StrCat(model::cellText(change, row, true), " on ", stacks.values[row],
                                 stacks.values[row] == 1 ? " stack: from " : " stacks: from ",
                                 base.values[row] == 0 ? "nothing" : bytesText(base.values[row]), " to ",
                                 bytesText(now.values[row]), ", ", percent(now.values[row], all), " of ",
                                 scene.metric(), " now."),
                    change.values[row],
                    absl::StrCat("heapprof diff -focus='", escapedRegex(name.texts[row]), "' ",
                                 shellQuoted(scene.query.baseline->path()), " ", scene.file),
                    "compare"});
  }
  return absl::OkStatus();
}

// The stack owner that holds most.
absl::Status largestHolder(const Scene& scene, Findings* out) {
  model::Query alone = scene.query;
  alone.baselineMode = model::BaselineMode::kNone;
  absl::StatusOr<std::vector<OwnerShare>> owners = topOwners(alone);
  if (!owners.ok()) return owners.status();
  if (owners->empty()) return absl::OkStatus();
  const OwnerShare& first = owners->front();
  double total = 0;
  for (const OwnerShare& owner : *owners) total += owner.bytes;
  if (first.unit != model::Unit::kBytes || first.bytes <= 0) return absl::OkStatus();
  for (const Finding& told : *out) {  // that it grew says what it holds, too
    if (told.id == "growth" && absl::StartsWith(told.title, absl::StrCat(first.name, " holds ")))
      return absl::OkStatus();
  }
  out->push_back(
      {"largest_holder",
       absl::StrCat(first.name, " holds ", bytesText(first.bytes), ", ", percent(first.bytes, total), " of ",
                    scene.metric()),
       absl::StrCat("Its objects come from ", first.stacks, first.stacks == 1 ? " stack." : " stacks."),
       first.bytes, absl::StrCat("heapprof top -cum -focus='", escapedRegex(first.name), "' ", scene.file),
       "flame"});
  return absl::OkStatus();
}

// Who pins the free room, where samples say so and it is more than their error.
std::string pinnedMostBy(const Scene& scene) {
  model::Query alone = scene.query;
  alone.baselineMode = model::BaselineMode::kNone;
  absl::StatusOr<FragResult> frag = fragmentation(alone);
  if (!frag.ok() || frag->stacks.rows() == 0) return "";
  const model::Column& pins = *frag->stacks.find("pins");
  const model::Column& back = *frag->stacks.find("comes_back");
  if (pins.values[0] <= kSameWithin * pins.standardError[0]) return "";
  return absl::StrCat(" ", frag->stacks.find("owner")->texts[0], " pins ", bytesText(pins.values[0]),
                      " of it; if its objects went, ", model::cellText(back, 0, true), " would come back.");
}

// Objects that outlived their siblings by far: one dump is enough to see them.
absl::Status oldNeverFreed(const Scene& scene, Findings* out) {
  if (!scene.snapshot.hasHeapSnapshot() || !scene.snapshot.sampleType("inuse_space")) return absl::OkStatus();
  model::Query alone = scene.query;
  alone.baselineMode = model::BaselineMode::kNone;
  Histories histories;
  absl::Status status = histories.add(alone);
  if (!status.ok()) return status;
  histories.finish();
  const StackHistory* worst = nullptr;
  LeakJudgement found;
  for (const StackHistory& stack : histories.stacks()) {
    LeakJudgement judgement = judge(stack, histories.dumps(), true);
    if (judgement.verdict != LeakVerdict::kOldNeverFreed || judgement.oldBytes <= found.oldBytes) continue;
    found = std::move(judgement);
    worst = &stack;
  }
  if (worst == nullptr) return absl::OkStatus();
  out->push_back({"old_never_freed",
                  absl::StrCat(worst->owner, " holds ", bytesText(found.oldBytes),
                               " that are old while their siblings die young"),
                  absl::StrCat("Of them, ", found.evidence, "."), found.oldBytes,
                  absl::StrCat("heapprof leaks ", scene.file), "leaks"});
  return absl::OkStatus();
}

void freeSlots(const Scene& scene, Findings* out) {
  absl::optional<double> bytes = scene.bytes("free_slots");
  if (!bytes) return;
  const heapprof::SizeClasses& classes = scene.snapshot.heap().size_classes();
  double worst = 0;
  int at = -1;
  for (int i = 0;
       i < std::min({classes.size_size(), classes.live_objects_size(), classes.capacity_objects_size()});
       ++i) {
    const double cached =
        i < classes.cached_objects_size() ? static_cast<double>(classes.cached_objects(i)) : 0;
    const double free = static_cast<double>(classes.capacity_objects(i)) -
                        static_cast<double>(classes.live_objects(i)) - cached;
    if (free * static_cast<double>(classes.size(i)) > worst) {
      worst = free * static_cast<double>(classes.size(i));
      at = i;
    }
  }
  Finding finding{
      "free_slots",
      absl::StrCat(bytesText(*bytes), " (", percent(*bytes, scene.rss), " of RSS) is free room inside slabs"),
      "Objects that stay pin the slabs around them.",
      *bytes,
      absl::StrCat("heapprof frag ", scene.file),
      "frag"};
  if (at >= 0) {
    absl::StrAppend(&finding.detail, " Most is in size class ", classes.size(at), ": ",
                    percent(static_cast<double>(classes.live_objects(at)),
                            static_cast<double>(classes.capacity_objects(at))),
                    " of its slots are live.");
  }
  absl::StrAppend(&finding.detail, pinnedMostBy(scene));
  out->push_back(std::move(finding));
}

// Where stacks name an interpreter rather than the program that its user wrote. Told whatever it is worth.
constexpr absl::string_view kLanguage = "language_runtime";
bool tellsLanguage(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& f) { return f.id == kLanguage; });
}

void languageRuntime(const Scene& scene, Findings* out) {
  const LanguageRuntime* runtime = languageRuntimeOf(scene.snapshot);
  if (runtime == nullptr) return;
  const double outside = scene.bytes("other_mappings").value_or(0);
  out->push_back({std::string(kLanguage),
                  absl::StrCat(runtime->language, ": ", bytesText(outside), " (", percent(outside, scene.rss),
                               " of RSS) lies outside malloc"),
                  absl::StrCat("Its ", runtime->sees, ". ", runtime->more, "."), outside,
                  absl::StrCat("heapprof info ", scene.file), "overview"});
}

// Lines of the waterfall that are findings by their size alone.
void bigLines(const Scene& scene, Findings* out) {
  static constexpr struct {
    const char* line;
    double share;  // of RSS from which it is told
    const char* title;
    const char* detail;
    const char* verb;
    const char* page;
  } kRows[] = {
      {"internal_slack", 0.05, "is lost by rounding requests up to size classes",
       "Sizes just above a class waste most; the command shows who asks for them.", "sizes", "frag"},
      {"thread_caches", 0.03, "is kept in thread caches",
       "Many threads, or threads that sleep on full caches.", "info", "overview"},
      {"dirty", 0.05, "is free but not yet given back to the kernel",
       "It is reused before new memory is taken; it goes back as demand stays low.", "frag", "map"},
      {"metadata", 0.05, "is the allocator's own books", "Usually many small slabs that are nearly empty.",
       "frag", "map"},
      {"sampler", 0.02, "is the profiler's own", "A larger sample= interval makes it smaller.", "info",
       "overview"},
      {"other_mappings", 0.25, "is not the heap", "Code, thread stacks, mapped files, or memory by mmap.",
       "info", "overview"},
  };
  for (const auto& row : kRows) {
    absl::optional<double> bytes = scene.bytes(row.line);
    if (!bytes || *bytes < row.share * scene.rss) continue;
    if (absl::string_view(row.line) == "other_mappings" && tellsLanguage(*out)) continue;
    out->push_back({row.line,
                    absl::StrCat(bytesText(*bytes), " (", percent(*bytes, scene.rss), " of RSS) ", row.title),
                    row.detail, *bytes, absl::StrCat("heapprof ", row.verb, " ", scene.file), row.page});
  }
}

absl::Status generatedCode(const Scene& scene, Findings* out) {
  const formats::ProfileColumns& columns = scene.snapshot.columns();
  const auto isUnnamed = [&](formats::StringIndex name) {
    return scene.snapshot.text(name) == model::kUnnamedCode;
  };
  if (std::none_of(columns.functions.name.begin(), columns.functions.name.end(), isUnnamed))
    return absl::OkStatus();
  model::Query alone = scene.query;
  alone.baseline = nullptr;
  alone.baselineMode = model::BaselineMode::kNone;
  alone.nodeFraction = 0;
  absl::StatusOr<TopResult> functions = top(alone);
  if (!functions.ok()) return functions.status();
  const std::vector<std::string>& names = functions->table.find("name")->texts;
  const auto row = std::find(names.begin(), names.end(), model::kUnnamedCode);
  if (row == names.end() || functions->unit != "bytes") return absl::OkStatus();
  const double bytes = functions->table.find("cum")->values[static_cast<std::size_t>(row - names.begin())];
  out->push_back(
      {"generated_code", absl::StrCat(bytesText(bytes), " came through generated code that has no names"),
       "A just-in-time compiler names its functions in /tmp/perf-PID.map when it is asked to (node "
       "--perf-basic-prof, DOTNET_PerfMapEnabled=1, python3 -X perf), and heapprof reads that.",
       bytes, absl::StrCat("heapprof top -cum -focus='JIT or generated' ", scene.file), "flame"});
  return absl::OkStatus();
}

void unattributed(const Scene& scene, Findings* out) {
  absl::optional<double> bytes = scene.bytes("unattributed");
  if (!bytes || std::fabs(*bytes) < 0.02 * scene.rss) return;
  out->push_back(
      {"unattributed",
       absl::StrCat(bytesText(*bytes), " (", percent(std::fabs(*bytes), scene.rss),
                    " of RSS) is on no line of the account"),
       "The program ran on while the dump was taken, or the kernel counts what heapprof cannot see.",
       std::fabs(*bytes), absl::StrCat("heapprof info ", scene.file), "overview"});
}

}  // namespace

absl::StatusOr<std::vector<Finding>> findings(const model::Query& query) {
  if (query.snapshot == nullptr) return absl::InvalidArgumentError("the query has no snapshot");
  Scene scene{query, *query.snapshot, shellQuoted(query.snapshot->path()), {}, 0};
  if (query.snapshot->hasHeapSnapshot()) scene.fall = waterfallOf(*query.snapshot);
  scene.rss = scene.fall.kernelRss.value_or(0);
  Findings found;
  absl::Status status = growth(scene, &found);
  if (status.ok() && !query.snapshot->columns().sampleTypes.empty()) {
    status = largestHolder(scene, &found);
    if (status.ok()) status = oldNeverFreed(scene, &found);
    if (status.ok()) status = generatedCode(scene, &found);
  }
  if (!status.ok()) return status;
  if (scene.rss > 0) {
    freeSlots(scene, &found);
    languageRuntime(scene, &found);
    bigLines(scene, &found);
    unattributed(scene, &found);
    const double least = kWorthTelling * scene.rss;
    found.erase(std::remove_if(found.begin(), found.end(),
                               [least](const Finding& f) { return f.id != kLanguage && f.bytes < least; }),
                found.end());
  }
  // Who compares asks what grew; what is as large as it was before comes after it.
  std::stable_sort(found.begin(), found.end(), [](const Finding& a, const Finding& b) {
    const bool grew[2] = {a.id == "growth", b.id == "growth"};
    return grew[0] != grew[1] ? grew[0] : a.bytes > b.bytes;
  });
  // Who reads names of an interpreter has to know it, so it is among those told.
  const auto language =
      std::find_if(found.begin(), found.end(), [](const Finding& f) { return f.id == kLanguage; });
  if (language - found.begin() >= static_cast<std::ptrdiff_t>(kMostFindings) && language != found.end())
    std::rotate(found.begin() + kMostFindings - 1, language, language + 1);
  if (found.size() > kMostFindings) found.resize(kMostFindings);
  return found;
}

}  // namespace heapprof::analysis

// `heapprof run`: starts a program under libheapprof.so, waits for it, and says where its dumps are, or why
// none came. What can be known before the start is said before the start, and the program is not started
// then: a profile that never comes is best missed early. --anyway starts it all the same.
#include <algorithm>
#include <cstdio>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "profiler/analysis/analyses.h"
#include "profiler/capture/launch.h"
#include "profiler/capture/left_behind.h"
#include "profiler/capture/library.h"
#include "profiler/capture/outcome.h"
#include "profiler/capture/output.h"
#include "profiler/capture/target.h"
#include "profiler/cli/verbs.h"
#include "profiler/model/units.h"

namespace heapprof::cli {
namespace {

constexpr std::size_t kListedDumps = 8;
constexpr std::size_t kSummaryLines = 5;  // the waterfall, three findings, how to see more
constexpr std::size_t kWaterfallParts = 4;

struct Flags {
  std::string sample = "512k";
  std::string output;
  std::string dump = "exit+term";
  std::string only;
  std::string seed;
  std::vector<std::string> settings;
  bool anyway = false;
  bool quiet = false;
  FlagSet* app = nullptr;
};

Flags& flags() {
  static Flags instance;
  return instance;
}

void say(const std::string& text) {
  absl::FPrintF(stderr, "heapprof: %s\n", text);
}

int complain(const absl::Status& status) {
  say(std::string(status.message()));
  return kUsageOrInputError;
}

// The command: everything after the flags, with or without "--".
std::vector<std::string> commandOf(const Flags& given) {
  std::vector<std::string> command = given.app->remaining();
  if (!command.empty() && command.front() == "--") command.erase(command.begin());
  return command;
}

// HEAPPROF's only=; empty, so every program, for shells and wrappers, and for a name that the option cannot
// carry.
std::string onlyOf(const Flags& given, const capture::Target& target) {
  constexpr std::size_t kLongest = 63;
  if (given.only == "all") return {};
  if (!given.only.empty()) return given.only;
  const bool fits = target.name.size() <= kLongest && target.name.find_first_of(",|*?") == std::string::npos;
  return target.startsOthers || !fits ? std::string() : target.name;
}

std::string optionsOf(const Flags& given, const capture::Output& output, const std::string& only) {
  std::string options =
      absl::StrCat("sample=", given.sample, ",dump=", given.dump, ",path=", output.pathTemplate);
  if (!only.empty()) absl::StrAppend(&options, ",only=", only);
  if (!given.seed.empty()) absl::StrAppend(&options, ",seed=", given.seed);
  for (const std::string& setting : given.settings) absl::StrAppend(&options, ",", setting);
  return options;
}

bool namesTrigger(const std::string& dump, const char* trigger) {
  return absl::StrContains(absl::StrCat("+", dump, "+"), absl::StrCat("+", trigger, "+"));
}

// Where the last dump's RSS went, in one line: the kernel's figure and the largest known parts.
void sayWaterfall(const model::Query& query) {
  const absl::StatusOr<model::Table> table = analysis::waterfall(query);
  if (!table.ok()) return;
  const model::Column* labels = table->find("label");
  const model::Column* bytes = table->find("bytes");
  if (labels == nullptr || bytes == nullptr) return;
  std::vector<std::size_t> rows;
  double sum = 0;  // the lines sum up to the kernel's figure
  for (std::size_t row = 0; row < table->rows(); ++row) {
    if (!bytes->isKnown(row)) continue;
    sum += bytes->values[row];
    if (bytes->values[row] > 0) rows.push_back(row);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::size_t a, std::size_t b) { return bytes->values[a] > bytes->values[b]; });
  std::string line;
  for (std::size_t i = 0; i < rows.size() && i < kWaterfallParts; ++i) {
    absl::StrAppend(&line, i == 0 ? absl::StrCat("RSS ", model::bytesText(sum), ": ") : ", ",
                    labels->texts[rows[i]], " ", model::bytesText(bytes->values[rows[i]]));
  }
  if (!line.empty()) say(line);
}

// At most five lines in all.
void saySummary(const std::string& path) {
  const absl::StatusOr<model::SnapshotPtr> snapshot = model::loadSnapshot(path);
  if (!snapshot.ok()) {
    say(std::string(snapshot.status().message()));
    return;
  }
  model::Query query;
  query.snapshot = *snapshot;
  sayWaterfall(query);
  const auto findings = analysis::findings(query);
  for (std::size_t i = 0; findings.ok() && i < findings->size() && i + 2 < kSummaryLines; ++i) {
    say(absl::StrFormat("%d. %s", i + 1, (*findings)[i].title));
  }
  say(absl::StrCat("more: heapprof summary ", path));
}

void sayDumps(const std::vector<std::string>& dumps) {
  say(absl::StrFormat("%d dump%s:", dumps.size(), dumps.size() == 1 ? "" : "s"));
  const std::size_t first = dumps.size() > kListedDumps ? dumps.size() - kListedDumps : 0;
  if (first > 0) say(absl::StrFormat("  (%d older ones)", first));
  for (std::size_t i = first; i < dumps.size(); ++i) {
    struct stat info {};
    const bool known = stat(dumps[i].c_str(), &info) == 0;
    say(absl::StrCat("  ", dumps[i],
                     known ? absl::StrCat("  ", model::bytesText(static_cast<double>(info.st_size))) : ""));
  }
}

void sayOutcome(const Flags& given, const capture::Target& target, const capture::Ended& ended,
                const capture::Output& output, const std::string& only,
                const std::vector<capture::LeftBehind>& others) {
  const std::vector<std::string> dumps = capture::newDumps(output);
  for (const capture::LeftBehind& other : others) {
    say(absl::StrFormat("%s goes on in the background, pid %d: its dump comes when it ends, as %s",
                        other.name, other.pid, output.pathTemplate));
  }
  for (const std::string& path : capture::cutOffDumps(output)) {
    say(absl::StrCat(path,
                     ": a dump that was cut off while it was written (killed, or no space left); delete it"));
  }
  if (!dumps.empty()) {
    if (given.quiet) return;
    sayDumps(dumps);
    saySummary(dumps.back());
    return;
  }
  capture::Absence asked;
  asked.dumpsAtExit = namesTrigger(given.dump, "exit");
  asked.dumpsAtTermination = namesTrigger(given.dump, "term");
  asked.only = only;
  asked.sample = given.sample;
  asked.othersGoOn = !others.empty();
  for (const std::string& reason : whyNoDump(target, ended, asked)) say(absl::StrCat("no profile: ", reason));
}

}  // namespace

void addRunFlags(FlagSet& app) {
  Flags& given = flags();
  given.app = &app;
  app.takesCommand();  // the command's own flags are not ours
  app.addOption("--sample", given.sample,
                "mean bytes between samples; 1: every allocation, 0: a dump without stacks")
      .showDefault();
  app.addOption("-o,--output", given.output, "folder for dumps, or a template with %e %h %p %t %n");
  app.addOption("--dump", given.dump,
                "when: exit, term, signal:USR2, interval:60s, growth:64m, peak, near-limit:90%, joined by +")
      .showDefault();
  app.addOption("--only", given.only, "executables to sample, a|b*; all: children of every name as well");
  app.addOption("--seed", given.seed, "makes the sampler's draws repeatable");
  app.addOption("--set", given.settings,
                "any other option of the runtime: key=value (HEAPPROF=help lists them)")
      .onceEach();
  app.addFlag("--anyway", given.anyway, "start the program even where no profile can come");
  app.addFlag("-q,--quiet", given.quiet, "no summary at the end");
}

int runRun() {
  const Flags& given = flags();
  const std::vector<std::string> command = commandOf(given);
  if (command.empty())
    return complain(absl::InvalidArgumentError("run: no command; heapprof run [options] -- CMD"));
  const absl::StatusOr<std::string> library = capture::findRuntimeLibrary();
  if (!library.ok()) return complain(library.status());
  const absl::StatusOr<capture::Target> target = capture::inspectTarget(command, *library);
  if (!target.ok()) {
    say(std::string(target.status().message()));
    return absl::IsNotFound(target.status()) ? 127 : 126;  // as a shell says it
  }
  for (const std::string& obstacle : target->obstacles) say(absl::StrCat("no profile can come: ", obstacle));
  if (!target->obstacles.empty() && !given.anyway) {
    say("not started; --anyway starts it without a profile");
    return kUsageOrInputError;
  }
  const absl::StatusOr<capture::Output> output = capture::prepareOutput(given.output);
  if (!output.ok()) return complain(output.status());
  const std::string only = onlyOf(given, *target);
  if (!given.quiet) {
    for (const std::string& note : target->notes) say(note);
    if (only.empty())
      say(absl::StrCat("every program that ", target->name, " starts is sampled; --only NAME picks"));
  }
  capture::Launch launch;
  launch.path = target->path;
  launch.arguments = command;
  launch.library = *library;
  launch.options = optionsOf(given, *output, only);
  if (!given.quiet) say("while it runs: heapprof watch, dump and ctl take its PID");
  const absl::StatusOr<capture::Ended> ended = capture::run(launch);
  if (!ended.ok()) {
    say(std::string(ended.status().message()));
    return 127;
  }
  sayOutcome(given, *target, *ended, *output, only,
             capture::leftBehind(*library, launch.options, ended->startTicks));
  return ended->exitStatus;
}

}  // namespace heapprof::cli

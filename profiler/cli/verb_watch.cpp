// `heapprof watch PID`: a running program's memory, again and again: where RSS is, what grows, what is given
// back.
//
// On a terminal one picture that is drawn over; elsewhere a block of plain lines each time, or a JSON
// document. Ends with the target, with --count, or at Ctrl-C, all of them 0.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <sys/ioctl.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

#include "profiler/analysis/analyses.h"
#include "profiler/capture/live_dump.h"
#include "profiler/cli/output.h"
#include "profiler/cli/process_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/watch_text.h"

namespace heapprof::cli {
namespace {

std::string pid;
double intervalSeconds = 2;
std::size_t rounds = 0, rows = 8;
bool noDumps = false;
Format format;

volatile std::sig_atomic_t interrupted = 0;

void onInterrupt(int) {
  interrupted = 1;
}

// Without SA_RESTART, so that the pause ends at once.
void catchInterrupt() {
  struct sigaction action {};
  action.sa_handler = onInterrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void pauseUntilNext() {
  timespec left{};
  left.tv_sec = static_cast<time_t>(intervalSeconds);
  left.tv_nsec = static_cast<long>((intervalSeconds - static_cast<double>(left.tv_sec)) * 1e9);
  while (interrupted == 0 && nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

std::string temporaryFolder() {
  const char* folder = std::getenv("TMPDIR");
  return folder != nullptr && folder[0] == '/' ? folder : "/tmp";
}

// One look at the program. Without a dump only its figures.
struct Look {
  report::Watch watch;
  model::SnapshotPtr snapshot;
};

absl::Status addDump(const capture::Control& control, const model::SnapshotPtr& before, Look* look) {
  const absl::StatusOr<capture::LiveDump> dump = capture::LiveDump::take(control, temporaryFolder());
  if (!dump.ok()) return dump.status();
  model::LoadOptions options;
  absl::StatusOr<model::SnapshotPtr> snapshot = model::loadSnapshot(dump->path(), options);
  if (!snapshot.ok()) return snapshot.status();
  look->snapshot = *snapshot;
  model::Query query;
  query.snapshot = *snapshot;
  query.baseline = before;
  if (before != nullptr) query.baselineMode = model::BaselineMode::kBase;
  absl::StatusOr<model::Table> waterfall = analysis::waterfall(query);
  if (waterfall.ok()) look->watch.waterfall = std::move(*waterfall);
  // What was not sampled has no stacks: figures and pages are shown all the same.
  absl::StatusOr<model::Table> stacks =
      before != nullptr ? analysis::diffStacks(query) : analysis::owners(query);
  if (stacks.ok()) look->watch.stacks = std::move(*stacks);
  look->watch.stacksAreChanges = before != nullptr;
  const auto& totals = (*snapshot)->heap().totals();
  if (totals.has_huge_bytes()) look->watch.hugeBytes = static_cast<double>(totals.huge_bytes());
  return absl::OkStatus();
}

absl::StatusOr<Look> lookAt(const capture::Control& control, const model::SnapshotPtr& before) {
  const absl::StatusOr<std::string> answer = control.ask("stats");
  if (!answer.ok()) return answer.status();
  absl::StatusOr<std::vector<report::Fact>> facts = factsOf(*answer);
  if (!facts.ok()) return facts.status();
  Look look;
  look.watch.who = control.who();
  look.watch.facts = std::move(*facts);
  look.watch.rows = rows;
  if (noDumps) return look;
  const absl::Status added = addDump(control, before, &look);
  if (!added.ok()) return added;
  return look;
}

int show(const report::Watch& watch, bool onTerminal) {
  if (format.wantsTables()) {
    report::Document document;
    document.verb = "watch";
    document.facts = watch.facts;
    document.facts.push_back(
        report::numberFact("huge_bytes", "Huge pages", model::Unit::kBytes, watch.hugeBytes));
    document.tables = watch.tables();
    return write(format, std::move(document));
  }
  const std::string text = report::watchText(watch);
  if (!onTerminal) return writeText("", text);
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) size = {};
  return writeText("", report::overdrawn(text, size.ws_row, size.ws_col));
}

}  // namespace

void addWatchFlags(FlagSet& app) {
  addPidFlag(app, &pid);
  app.addOption("-i,--interval", intervalSeconds, "seconds between two looks")
      .within(0.1, 86400)
      .showDefault();
  app.addOption("-n,--count", rounds, "end after so many looks; 0: with the program, or at Ctrl-C")
      .showDefault();
  app.addOption("--nodecount", rows, "show at most so many stacks").showDefault();
  app.addFlag("--no-dumps", noDumps,
              "figures only: no dump is taken at each look, so no stacks and no waterfall");
  addFormatFlag(app, &format);
}

int runWatch() {
  capture::removeStaleSockets();
  const absl::StatusOr<capture::Control> control = capture::Control::attach(pidOf(pid));
  if (!control.ok()) return fail(control.status());
  catchInterrupt();
  const bool onTerminal = !format.wantsTables() && isatty(STDOUT_FILENO) == 1;
  model::SnapshotPtr before;
  std::vector<report::Fact> lastFacts;
  for (std::size_t round = 0; interrupted == 0; ++round) {
    absl::StatusOr<Look> look = lookAt(*control, before);
    if (interrupted != 0) break;
    if (absl::IsNotFound(look.status())) {
      note(absl::StrCat("heapprof: ", look.status().message()));
      return kClean;
    }
    if (!look.ok()) return fail(look.status());
    look->watch.lastFacts = lastFacts;
    if (const int status = show(look->watch, onTerminal); status != kClean) return status;
    before = look->snapshot;
    lastFacts = look->watch.facts;
    if (rounds != 0 && round + 1 >= rounds) break;
    pauseUntilNext();
  }
  return kClean;
}

}  // namespace heapprof::cli

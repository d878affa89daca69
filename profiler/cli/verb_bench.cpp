// `heapprof bench -- CMD`: the user's own command under glibc, the installed allocators and heapprof, in
// rounds of changing order; what differs from the base beyond noise.
//
// The steps: which allocators; does the loader take them in this program; a round that is not counted, which
// finds those that fail; the rounds; the table. At Ctrl-C what is complete is shown.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "profiler/analysis/bench.h"
#include "profiler/capture/library.h"
#include "profiler/capture/measured_run.h"
#include "profiler/capture/peers.h"
#include "profiler/capture/target.h"
#include "profiler/cli/output.h"
#include "profiler/cli/progress.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/bench_text.h"

namespace heapprof::cli {
namespace {

std::vector<std::string> with;
std::string allocators, base = "glibc", input;
std::size_t rounds = 7;
bool anyExit = false, showOutput = false, noFaultIn = false;
Format format;
FlagSet* flagSet = nullptr;

using Peers = std::vector<capture::Peer>;

absl::StatusOr<std::vector<std::string>> commandGiven() {
  std::vector<std::string> command = flagSet->remaining();
  if (!command.empty() && command[0] != "--" && absl::StartsWith(command[0], "-")) {
    return absl::InvalidArgumentError(
        absl::StrCat("bench: there is no option ", command[0], "; heapprof bench --help lists them"));
  }
  if (!command.empty() && command[0] == "--") command.erase(command.begin());
  if (command.empty())
    return absl::InvalidArgumentError("bench: no command; for example: heapprof bench -- ./service --once");
  return command;
}

std::string namesOf(const Peers& peers) {
  return absl::StrJoin(peers, ", ",
                       [](std::string* out, const capture::Peer& peer) { out->append(peer.name); });
}

Peers::iterator named(Peers& peers, const std::string& name) {
  return std::find_if(peers.begin(), peers.end(),
                      [&name](const capture::Peer& peer) { return peer.name == name; });
}

// Those of --allocators, in its order.
absl::StatusOr<Peers> chosenOf(Peers all, const std::vector<std::string>& missing) {
  Peers chosen;
  const std::vector<std::string> names = absl::StrSplit(allocators, ',', absl::SkipEmpty());
  for (const std::string& name : names) {
    const auto found = named(all, name);
    if (found == all.end()) {
      const bool known = std::any_of(missing.begin(), missing.end(), [&](const std::string& each) {
        return absl::StartsWith(each, name + " ");
      });
      return absl::NotFoundError(absl::StrCat("--allocators: ", name,
                                              known ? " is not installed" : " is none that is known",
                                              "; there are ", namesOf(all), "; --with NAME=LIB adds others"));
    }
    if (named(chosen, name) != chosen.end())
      return absl::InvalidArgumentError(absl::StrCat("--allocators: ", name, " twice"));
    chosen.push_back(*found);
  }
  return allocators.empty() ? all : chosen;
}

// glibc, the installed ones, heapprof, those given; one that is given replaces one of its name.
absl::StatusOr<Peers> peersFor(const std::string& library, std::vector<std::string>* notes) {
  capture::Peers installed = capture::installedPeers(library);
  Peers all = std::move(installed.found);
  all.push_back({"heapprof", library});
  std::vector<std::string> given;
  for (const std::string& text : with) {
    absl::StatusOr<capture::Peer> peer = capture::namedPeer(text, library);
    if (!peer.ok()) {
      return absl::Status(peer.status().code(), absl::StrCat("--with ", peer.status().message()));
    }
    if (std::find(given.begin(), given.end(), peer->name) != given.end())
      return absl::InvalidArgumentError(absl::StrCat("--with ", text, ": ", peer->name, " twice"));
    given.push_back(peer->name);
    const auto same = named(all, peer->name);
    if (same == all.end()) {
      all.push_back(*std::move(peer));
    } else {
      *same = *std::move(peer);
    }
  }
  if (allocators.empty()) {
    std::vector<std::string> left;
    for (const std::string& each : installed.missing) {
      if (named(all, each.substr(0, each.find(' '))) == all.end()) left.push_back(each);
    }
    if (!left.empty()) {
      notes->push_back(absl::StrCat("not installed, so left out: ", absl::StrJoin(left, ", "),
                                    "; --with NAME=LIB takes others"));
    }
  }
  absl::StatusOr<Peers> chosen = chosenOf(std::move(all), installed.missing);
  if (chosen.ok() && named(*chosen, base) == chosen->end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--base ", base, ": is none of the allocators that run: ", namesOf(*chosen)));
  }
  return chosen;
}

// A library that the loader would pass over would be measured as glibc under another name.
absl::Status dropThoseThatCannotLoad(capture::MeasuredRuns& runs, const capture::Target& target, Peers* peers,
                                     std::vector<std::string>* notes) {
  for (std::size_t i = 0; i < peers->size();) {
    const capture::Peer& peer = (*peers)[i];
    const absl::Status loaded =
        peer.library.empty() ? absl::OkStatus() : runs.tryPreload(target.executable, peer.library);
    if (loaded.ok()) {
      ++i;
      continue;
    }
    const std::string text = absl::StrCat(peer.name, ": ", loaded.message());
    if (peer.name == base || peer.name == "heapprof") return absl::FailedPreconditionError(text);
    notes->push_back(absl::StrCat("left out: ", text));
    peers->erase(peers->begin() + static_cast<std::ptrdiff_t>(i));
  }
  return absl::OkStatus();
}

std::array<absl::optional<double>, analysis::kBenchFigures> figuresOf(const capture::RunFigures& run) {
  const auto bytes = [](const absl::optional<std::uint64_t>& value) {
    return value ? absl::optional<double>(static_cast<double>(*value)) : absl::nullopt;
  };
  std::array<absl::optional<double>, analysis::kBenchFigures> figures;
  figures[analysis::kWallTime] = std::round(run.wallSeconds * 1e9);
  figures[analysis::kCpuTime] = std::round(run.cpuSeconds * 1e9);
  figures[analysis::kPeakRss] = bytes(run.peakRssBytes);
  figures[analysis::kEndRss] = bytes(run.endRssBytes);
  figures[analysis::kHugePages] = bytes(run.hugeBytes);
  figures[analysis::kMinorFaults] = static_cast<double>(run.minorFaults);
  figures[analysis::kMajorFaults] = static_cast<double>(run.majorFaults);
  return figures;
}

std::string endText(const capture::RunFigures& run) {
  return run.signal != 0 ? absl::StrFormat("was killed by signal %d (%s)", run.signal, strsignal(run.signal))
                         : absl::StrFormat("ended with exit status %d", run.exitStatus);
}

// What the rounds share: who runs, in which order, and what came of it.
struct Bench {
  capture::RunRequest request;
  Peers peers;
  analysis::BenchRuns measured;
  std::vector<std::string> notes;
  std::uint64_t largestPeak = 0;
  std::size_t outlived = 0, unseenEnds = 0, complete = 0, done = 0;
};

// Each round begins one further, every second one goes backwards: nobody always runs after the same other.
std::vector<std::size_t> orderOf(const Bench& bench, std::size_t round) {
  std::vector<std::size_t> order;
  const std::size_t count = bench.peers.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t index = (i + round) % count;
    if (!bench.measured.failed[index]) order.push_back(index);
  }
  if (round % 2 == 1) std::reverse(order.begin(), order.end());
  return order;
}

// One run; round 0 is the one that is not counted. Errors end it all; a command that fails does not, unless
// it fails under the base.
absl::Status runOne(capture::MeasuredRuns& runs, std::size_t round, std::size_t place, std::size_t index,
                    Bench* bench) {
  bench->request.library = bench->peers[index].library;
  if (round > 0 && !noFaultIn) runs.faultIn(bench->largestPeak);
  const absl::StatusOr<capture::RunFigures> run = runs.run(bench->request);
  if (!run.ok()) return run.status();
  bench->outlived += run->outlived;
  bench->unseenEnds += run->seenAtEnd ? 0 : 1;
  if (run->signal != 0 || (run->exitStatus != 0 && !anyExit)) {
    const std::string& name = bench->peers[index].name;
    const std::string when = round == 0 ? "in the warm-up" : absl::StrCat("in round ", round);
    if (index == bench->measured.base) {
      return absl::FailedPreconditionError(absl::StrCat(
          "bench: under ", name, ", which others are compared with, the command ", endText(*run), " ", when,
          run->signal != 0 ? "" : "; --any-exit takes every status", "; --show-output shows what it says"));
    }
    bench->measured.failed[index] = true;
    bench->notes.push_back(absl::StrCat(name, " has no verdict: the command ", endText(*run), " ", when,
                                        "; --show-output shows what it says"));
    return absl::OkStatus();
  }
  if (run->peakRssBytes) bench->largestPeak = std::max(bench->largestPeak, *run->peakRssBytes);
  if (round > 0) bench->measured.runs.push_back({index, round, place, figuresOf(*run)});
  return absl::OkStatus();
}

absl::Status runAll(capture::MeasuredRuns& runs, Bench* bench) {
  Progress progress;
  for (std::size_t round = 0; round <= rounds; ++round) {
    const std::vector<std::size_t> order = orderOf(*bench, round);
    for (std::size_t i = 0; i < order.size(); ++i) {
      progress.count(absl::StrCat(round == 0 ? "warm-up" : absl::StrCat("round ", round), ", ",
                                  bench->peers[order[i]].name),
                     bench->done++, order.size() * (rounds + 1));
      const absl::Status status = runOne(runs, round, i + 1, order[i], bench);
      if (!status.ok()) return status;
    }
    bench->complete = round;
  }
  return absl::OkStatus();
}

std::size_t coresAllowed() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<std::size_t>(CPU_COUNT(&set)) : 1;
}

// Before it starts: who else is at work here.
void noteLoad(std::size_t cores, double load, std::vector<std::string>* notes) {
  if (load < 0.3 * static_cast<double>(cores)) return;
  notes->push_back(
      absl::StrFormat("the machine is busy (load %.1f on %d core%s): small differences drown in that", load,
                      cores, cores == 1 ? "" : "s"));
}

// Afterwards: whether the command left a core for anything else.
void noteCores(const analysis::BenchResult& result, std::size_t baseRow, std::size_t cores,
               std::vector<std::string>* notes) {
  const model::Column& wall = *result.medians.find("wall_time");
  const model::Column& cpu = *result.medians.find("cpu_time");
  if (!wall.isKnown(baseRow) || wall.values[baseRow] <= 0) return;
  const double used = cpu.values[baseRow] / wall.values[baseRow];
  if (used + 0.5 < static_cast<double>(cores)) return;
  notes->push_back(
      absl::StrFormat("the command keeps %.1f of %d core%s busy: whatever else runs here takes time from it",
                      used, cores, cores == 1 ? "" : "s"));
}

// What the figures are of.
void noteCoverage(bool endUnseen, std::vector<std::string>* notes) {
  notes->emplace_back("CPU time and faults: of the command and every process that it waited for.");
  notes->emplace_back("Memory: of its largest process; the peak is the kernel's own figure.");
  notes->emplace_back(
      absl::StrCat("RSS at end: ", endUnseen ? "as last read, up to 10 ms before" : "as it ended",
                   "; huge pages: the most of any reading, 5 to 50 ms apart."));
}

int report(Bench bench, const std::string& command, std::size_t cores, double load) {
  auto& all = bench.measured.runs;  // of whole rounds only
  all.erase(std::remove_if(all.begin(), all.end(),
                           [&](const analysis::BenchRun& run) { return run.round > bench.complete; }),
            all.end());
  const analysis::BenchResult result = analysis::bench(bench.measured);
  if (bench.outlived > 0) {
    bench.notes.push_back(absl::StrFormat("%d process%s outlived the command and %s ended after it",
                                          bench.outlived, bench.outlived == 1 ? "" : "es",
                                          bench.outlived == 1 ? "was" : "were"));
  }
  noteCores(result, bench.measured.base, cores, &bench.notes);
  noteCoverage(bench.unseenEnds > 0, &bench.notes);
  report::Document document;
  document.verb = "bench";
  document.facts = {
      report::textFact("command", "Command", command),
      report::textFact("base", "Compared with", base),
      report::numberFact("rounds", "Rounds", model::Unit::kCount, static_cast<double>(result.rounds)),
      report::numberFact("interval_chance", "Chance of the intervals", model::Unit::kFraction, result.chance),
      report::numberFact("cores", "Cores", model::Unit::kCount, static_cast<double>(cores)),
      report::numberFact("load", "Load at the start", model::Unit::kCount, load)};
  document.tables = {result.medians, result.verdicts, result.runs};
  document.notes = bench.notes;
  document.text = [&] { return report::benchText({command, base}, result); };
  return write(format, std::move(document));
}

}  // namespace

void addBenchFlags(FlagSet& app) {
  flagSet = &app;
  app.takesCommand();
  app.addOption("-n,--rounds", rounds,
                "rounds that count, after one that does not; from 5 on they tell noise")
      .within(1, 1000)
      .showDefault();
  app.addOption("--with", with, "NAME=LIB: one more allocator, or another one of that name").onceEach();
  app.addOption("--allocators", allocators,
                "these only, in this order: glibc,jemalloc,heapprof; otherwise all that are installed");
  app.addOption("--base", base, "the allocator that the others are compared with").showDefault();
  app.addOption("--input", input, "a file for the command's standard input; otherwise it is empty");
  app.addFlag("--show-output", showOutput, "let the command write here; otherwise nobody reads it");
  app.addFlag("--any-exit", anyExit, "a command that ends with another status than 0 has not failed");
  app.addFlag("--no-fault-in", noFaultIn,
              "do not touch as much memory as the command needs before each run (on virtual machines memory "
              "is slow at its first use)");
  addFormatFlag(app, &format);
}

int runBench() {
  const absl::StatusOr<std::vector<std::string>> command = commandGiven();
  if (!command.ok()) return fail(command.status());
  const absl::StatusOr<std::string> library = capture::findRuntimeLibrary();
  if (!library.ok()) return fail(library.status());
  const absl::StatusOr<capture::Target> target = capture::inspectTarget(*command, *library);
  if (!target.ok()) return fail(target.status());
  if (!target->obstacles.empty()) return fail(absl::FailedPreconditionError(target->obstacles[0]));

  Bench bench;
  absl::StatusOr<Peers> peers = peersFor(*library, &bench.notes);
  if (!peers.ok()) return fail(peers.status());
  const std::size_t cores = coresAllowed();
  double load = 0;
  getloadavg(&load, 1);
  noteLoad(cores, load, &bench.notes);
  if (!target->linkedAllocator.empty() && named(*peers, "glibc") != peers->end()) {
    bench.notes.push_back(absl::StrCat(target->executable, " is linked with ", target->linkedAllocator,
                                       ": that served malloc where glibc is said"));
  }
  if (target->startsOthers) {
    bench.notes.push_back(absl::StrCat("RSS at end is that of ", target->name,
                                       " where it waits for what it starts: put exec before the program"));
  }
  capture::MeasuredRuns runs;
  const absl::Status loaded = dropThoseThatCannotLoad(runs, *target, &*peers, &bench.notes);
  if (!loaded.ok()) return fail(loaded);

  bench.request = {target->path, *command, "", input, showOutput};
  bench.peers = *std::move(peers);
  for (const capture::Peer& peer : bench.peers) {
    bench.measured.allocators.push_back(peer.name);
    bench.measured.libraries.push_back(peer.library);
  }
  bench.measured.failed.assign(bench.peers.size(), false);
  bench.measured.base = static_cast<std::size_t>(named(bench.peers, base) - bench.peers.begin());
  const absl::Status ran = runAll(runs, &bench);
  if (!ran.ok() && !absl::IsCancelled(ran)) return fail(ran);
  const int interrupted = runs.interruptedBy();
  if (bench.complete == 0) {
    note("heapprof: interrupted before a round was complete: there is nothing to show");
    return 128 + interrupted;
  }
  if (!ran.ok()) {
    bench.notes.push_back(absl::StrFormat("interrupted: %d of %d rounds are complete, and only they count",
                                          bench.complete, rounds));
  }
  const int status = report(std::move(bench), absl::StrJoin(*command, " "), cores, load);
  return ran.ok() ? status : 128 + interrupted;
}

}  // namespace heapprof::cli

// Runs a command once under one allocator and takes what it cost: the clock, the kernel's accounts of it, and
// its memory as MemoryWatch sees it.
//
// What is covered. Time, CPU and faults: the command and every process of it that it has waited for. Memory:
// its largest process. The command is traced, so that it stops once, just before its end, and its memory can
// be read then: the peak (VmHWM) and the RSS at end are exact. Its children's peaks are the kernel's
// (ru_maxrss), which are theirs wherever they outgrow the copy of this process that they started as; and all
// is read from time to time, too. Input is empty or a file; processes that outlive the command are ended
// with it, because they would disturb the next run. Invariant: between runs nothing of a command is left. One
// object a process, from the only thread: signals are blocked while it lives.
#pragma once

#include <cstdint>
#include <string>
#include <sys/resource.h>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"

#include "profiler/capture/memory_watch.h"
#include "profiler/capture/spawn.h"

namespace heapprof::capture {

struct RunRequest {
  std::string path;                    // what to exec
  std::vector<std::string> arguments;  // argv, with argv[0]
  std::string library;                 // the whole LD_PRELOAD; "": none
  std::string input;                   // a file for standard input; "": /dev/null
  bool showOutput = false;             // standard output and error are ours, otherwise /dev/null
};

struct RunFigures {
  int exitStatus = 0;
  int signal = 0;  // 0: it exited by itself
  double wallSeconds = 0;
  double cpuSeconds = 0;  // user and system
  std::uint64_t minorFaults = 0, majorFaults = 0;
  absl::optional<std::uint64_t> peakRssBytes, endRssBytes, hugeBytes;
  bool seenAtEnd = false;    // memory was read as it ended; otherwise up to 10 ms before
  std::size_t outlived = 0;  // processes that were ended after it
};

class MeasuredRuns {
 public:
  MeasuredRuns();
  ~MeasuredRuns();
  MeasuredRuns(const MeasuredRuns&) = delete;
  MeasuredRuns& operator=(const MeasuredRuns&) = delete;

  // Errors: it could not be started; Cancelled: a signal meant for us came, and all of it was ended.
  absl::StatusOr<RunFigures> run(const RunRequest& request);
  // The signal that ended a run, or that came between two; 0: none.
  int interruptedBy();

  // What the loader has against a library in this program; it is not run. OK: it will be preloaded.
  absl::Status tryPreload(const std::string& program, const std::string& library);

  // Faults this much memory in, as far as it is free, and frees it, in a process of its own: on virtual
  // machines memory that the host has to give first costs twenty times as much, and the first to touch it
  // pays.
  void faultIn(std::uint64_t bytes);

 private:
  bool waitFor(const Spawned& child, RunFigures* figures, MemoryWatch* watch, int* status, rusage* usage);
  std::size_t endWhatIsLeft();

  SignalGate gate_;
  int interruptedBy_ = 0;
};

}  // namespace heapprof::capture

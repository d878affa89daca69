// A bar on stderr while a verb works: how far, how fast, how long yet.
//
// Invariant: nothing is drawn where stderr is no terminal, in the first half second, or after
// silenceProgress(); what was drawn is wiped at the end. One line, a few times a second. One thread.
#pragma once

#include <chrono>
#include <string>

#include "absl/strings/string_view.h"

namespace heapprof::cli {

// Of a step by its share, and of many things by their number; `things` 0: not counted.
struct ProgressState {
  std::string phase;
  double fraction = 0;  // in [0, 1]
  double seconds = 0;   // since the start
  std::size_t done = 0, things = 0;
};
std::string progressLine(const ProgressState& state);

class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Always true: a terminal's user cancels by a signal.
  bool operator()(absl::string_view phase, double fraction) { return show(phase, fraction, 0, 0); }
  bool count(absl::string_view phase, std::size_t done, std::size_t things);
  void wipe();

 private:
  bool show(absl::string_view phase, double fraction, std::size_t done, std::size_t things);

  bool terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point start_, next_;
};

// For the whole process: --quiet.
void silenceProgress();

}  // namespace heapprof::cli

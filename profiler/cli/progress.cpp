#include "profiler/cli/progress.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace heapprof::cli {
namespace {

bool silent = false;

}  // namespace

std::string progressLine(const ProgressState& state) {
  constexpr int kWidth = 30;
  const double fraction = std::clamp(state.fraction, 0.0, 1.0);
  const int filled = static_cast<int>(fraction * kWidth);
  std::string line = absl::StrFormat("%-8s [%s%s] %3.0f%%", state.phase, std::string(filled, '#'),
                                     std::string(kWidth - filled, ' '), fraction * 100);
  if (state.things > 0) {
    absl::StrAppend(&line, ", ", state.done, " of ", state.things);
    if (state.seconds > 0) {
      absl::StrAppendFormat(&line, ", %.0f/s", static_cast<double>(state.done) / state.seconds);
    }
  }
  absl::StrAppendFormat(&line, ", %.1f s", state.seconds);
  if (fraction > 0.02) {
    absl::StrAppendFormat(&line, ", %.0f s left", state.seconds * (1 - fraction) / fraction);
  }
  return line;
}

void silenceProgress() {
  silent = true;
}

Progress::Progress()
    : terminal_(isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      next_(start_ + std::chrono::milliseconds(500)) {}

Progress::~Progress() {
  wipe();
}

void Progress::wipe() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

bool Progress::count(absl::string_view phase, std::size_t done, std::size_t things) {
  const double fraction = things == 0 ? 1 : static_cast<double>(done) / static_cast<double>(things);
  return show(phase, fraction, done, things);
}

bool Progress::show(absl::string_view phase, double fraction, std::size_t done, std::size_t things) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || silent || now < next_) return true;
  next_ = now + std::chrono::milliseconds(150);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const std::string line = progressLine({std::string(phase), fraction, seconds, done, things});
  std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
  drawn_ = true;
  return true;
}

}  // namespace heapprof::cli

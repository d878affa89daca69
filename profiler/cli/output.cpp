#include "profiler/cli/output.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <unistd.h>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

#include "profiler/model/units.h"

namespace heapprof::cli {
namespace {

// Drawn a few times a second, and only once loading has taken half a second; wiped when done.
class Progress {
 public:
  bool operator()(absl::string_view phase, double fraction) {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point now = Clock::now();
    if (!terminal_ || now < next_) return true;
    next_ = now + std::chrono::milliseconds(150);
    const double seconds = std::chrono::duration<double>(now - start_).count();
    constexpr int kWidth = 30;
    const int filled = static_cast<int>(fraction * kWidth);
    std::string left;
    if (fraction > 0.02) left = absl::StrFormat(", %.0f s left", seconds * (1 - fraction) / fraction);
    std::fputs(
        absl::StrFormat("\r\x1b[K%-8s [%s%s] %3.0f%%, %.1f s%s", std::string(phase), std::string(filled, '#'),
                        std::string(kWidth - filled, ' '), fraction * 100, seconds, left)
            .c_str(),
        stderr);
    drawn_ = true;
    return true;
  }
  ~Progress() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO) == 1;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point next_ = start_ + std::chrono::milliseconds(500);
};

}  // namespace

absl::StatusOr<model::SnapshotPtr> load(const std::string& path, bool symbolize, const std::string& thread) {
  Progress progress;
  model::LoadOptions options;
  options.symbolize = symbolize;
  options.thread = thread;
  options.progress = [&progress](absl::string_view phase, double fraction) {
    return progress(phase, fraction);
  };
  return model::loadSnapshot(path, options);
}

void addFormatFlag(CLI::App& app, std::string* format) {
  std::vector<std::string> known;
  for (const report::Emitter& emitter : report::emitters()) known.emplace_back(emitter.name);
  app.add_option("--format", *format, absl::StrJoin(known, " or "))->check(CLI::IsMember(known));
}

int fail(const absl::Status& status) {
  // One line, whatever a file name or an expression holds.
  std::string text = absl::StrReplaceAll(status.message(), {{"\n", " "}});
  std::fprintf(stderr, "heapprof: %s\n", text.c_str());
  return kUsageOrInputError;
}

void note(absl::string_view text) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
}

int write(const std::string& format, const report::Document& document) {
  absl::StatusOr<std::string> text = report::emit(format, document);
  if (!text.ok()) return fail(text.status());
  if (format == "text") {
    for (const std::string& line : document.notes) note(line);
  }
  const bool written =
      std::fwrite(text->data(), 1, text->size(), stdout) == text->size() && std::fflush(stdout) == 0;
  if (written || errno == EPIPE) return kClean;  // `| head` has seen enough
  return fail(
      absl::UnavailableError(absl::StrCat("standard output: ", std::generic_category().message(errno))));
}

}  // namespace heapprof::cli

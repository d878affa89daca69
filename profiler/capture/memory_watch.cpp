#include "profiler/capture/memory_watch.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <system_error>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "profiler/capture/spawn.h"

namespace heapprof::capture {
namespace {

constexpr std::int64_t kMillisecond = 1000000;
constexpr std::int64_t kCostShare = 100;  // a reading is repeated after so many times what it took

std::string textOf(const std::string& path) {
  std::string text;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return text;
  char buffer[4096];
  for (ssize_t got; (got = read(file, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  close(file);
  return text;
}

// "VmRSS:     1234 kB" of a file of such lines, in bytes.
absl::optional<std::uint64_t> lineOf(const std::string& text, const char* name) {
  const std::size_t at = text.find(name);
  if (at == std::string::npos) return absl::nullopt;
  return std::strtoull(text.c_str() + at + std::strlen(name), nullptr, 10) * 1024;
}

}  // namespace

std::vector<pid_t> childrenOf(pid_t pid) {
  std::vector<pid_t> children;
  const std::string folder = absl::StrCat("/proc/", pid, "/task");
  std::error_code error;
  // Not a range: its ++ throws where the process ends between two names.
  for (std::filesystem::directory_iterator thread(folder, error), end; !error && thread != end;
       thread.increment(error)) {
    const std::string text = textOf(absl::StrCat(thread->path().string(), "/children"));
    for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipWhitespace())) {
      pid_t child = 0;
      if (absl::SimpleAtoi(word, &child)) children.push_back(child);
    }
  }
  return children;
}

MemoryWatch::MemoryWatch(pid_t root) : start_(monotonicNanos()), now_(start_), processes_{root} {}

std::int64_t MemoryWatch::nanosUntilNext() const {
  return std::clamp((now_ - start_) / 100, kMillisecond, 10 * kMillisecond);
}

void MemoryWatch::look() {
  now_ = monotonicNanos();
  if (now_ >= nextTree_) findProcesses();
  readRss();
  if (now_ >= nextHuge_) readHuge();
}

void MemoryWatch::lookAtEnd() {
  now_ = monotonicNanos();
  readRss();
  readHuge();
  sawEnd_ = lastRss_.has_value();
}

void MemoryWatch::findProcesses() {
  std::vector<pid_t> all{processes_.front()};
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const pid_t child : childrenOf(all[i])) all.push_back(child);
  }
  processes_ = std::move(all);
  const std::int64_t after = monotonicNanos();
  nextTree_ = after + std::max(nanosUntilNext() * 4, (after - now_) * kCostShare);
}

void MemoryWatch::readRss() {
  absl::optional<std::uint64_t> largest;
  for (const pid_t pid : processes_) {
    const std::string status = textOf(absl::StrCat("/proc/", pid, "/status"));
    const absl::optional<std::uint64_t> rss = lineOf(status, "\nVmRSS:"), peak = lineOf(status, "\nVmHWM:");
    if (rss) largest = std::max(largest.value_or(0), *rss);
    if (peak) peakRss_ = std::max(peakRss_, *peak);
  }
  if (largest) lastRss_ = largest;  // one that is ending has none any more: its last one stands
}

void MemoryWatch::readHuge() {
  const std::int64_t before = monotonicNanos();
  for (const pid_t pid : processes_) {
    const absl::optional<std::uint64_t> huge =
        lineOf(textOf(absl::StrCat("/proc/", pid, "/smaps_rollup")), "\nAnonHugePages:");
    if (huge) peakHuge_ = std::max(peakHuge_.value_or(0), *huge);
  }
  const std::int64_t after = monotonicNanos();
  nextHuge_ = after + std::max(nanosUntilNext() * 5, (after - before) * kCostShare);
}

}  // namespace heapprof::capture

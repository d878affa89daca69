#include "profiler/symbols/perf_map.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <limits>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace heapprof::symbols {
namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{256} << 20;
constexpr std::size_t kLongestName = 1000;
// Clocks of file systems tick coarsely: a file may seem older than the process that made it.
constexpr std::uint64_t kClockSlackNanos = 1'000'000'000;

// Up to the next blank; what is left begins with what follows it.
absl::string_view takeWord(absl::string_view* line) {
  const std::size_t end = std::min(line->find(' '), line->size());
  const absl::string_view word = line->substr(0, end);
  *line = absl::StripLeadingAsciiWhitespace(line->substr(end));
  return word;
}

bool takeHex(absl::string_view* line, std::uint64_t* value) {
  return absl::SimpleHexAtoi(takeWord(line), value);
}

std::uint64_t nanosOf(const statx_timestamp& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

void PerfMap::add(std::uint64_t start, std::uint64_t end, absl::string_view name) {
  auto at = pieces_.lower_bound(start);
  if (at != pieces_.begin()) {
    auto before = std::prev(at);
    if (before->second.end > start) {
      // The rest of an older piece, if the new one lies within it.
      if (before->second.end > end) at = pieces_.emplace_hint(at, end, before->second);
      before->second.end = start;
    }
  }
  while (at != pieces_.end() && at->first < end) {
    const Piece older = at->second;
    at = pieces_.erase(at);
    if (older.end > end) at = pieces_.emplace_hint(at, end, older);
  }
  pieces_.emplace_hint(at, start, Piece{end, names_.size()});
  names_.emplace_back(name.substr(0, kLongestName));
}

PerfMap PerfMap::parse(absl::string_view text) {
  PerfMap map;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    absl::string_view line = absl::StripSuffix(text.substr(0, end), "\r");
    text.remove_prefix(std::min(end + 1, text.size()));
    std::uint64_t start = 0, size = 0;
    if (!takeHex(&line, &start) || !takeHex(&line, &size) || line.empty() || size == 0) continue;
    if (size > std::numeric_limits<std::uint64_t>::max() - start) continue;
    map.add(start, start + size, line);
  }
  return map;
}

absl::StatusOr<PerfMap> PerfMap::ofProcess(const RecordedProcess& process, const std::string& sysroot) {
  if (process.pid == 0) return PerfMap();
  const std::string path = absl::StrCat(sysroot, "/tmp/perf-", process.pid, ".map");
  struct statx found = {};
  if (statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return PerfMap();
    return absl::UnavailableError(absl::StrCat(path, ": cannot be read, so generated code has no names"));
  }
  const auto refused = [&path](absl::string_view why) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": ", why, ", so generated code has no names"));
  };
  if (!S_ISREG(found.stx_mode)) return refused("not a file");
  if (found.stx_uid != geteuid() && found.stx_uid != 0) return refused("belongs to another user");
  if (found.stx_size > kLargestFile) return refused("has more than 256 MiB");
  if (nanosOf(found.stx_mtime) + kClockSlackNanos < process.startNanos)
    return refused("older than the process: of another one with the same number");
  const bool bornKnown = (found.stx_mask & STATX_BTIME) != 0;
  if (bornKnown && process.dumpNanos != 0 && nanosOf(found.stx_btime) > process.dumpNanos + kClockSlackNanos)
    return refused("begun after the dump: of another process with the same number");
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) return refused("cannot be read");
  return parse(text);
}

absl::optional<absl::string_view> PerfMap::nameOf(std::uint64_t address) const {
  auto after = pieces_.upper_bound(address);
  if (after == pieces_.begin()) return absl::nullopt;
  const Piece& piece = std::prev(after)->second;
  if (piece.end <= address) return absl::nullopt;
  return names_[piece.name];
}

}  // namespace heapprof::symbols

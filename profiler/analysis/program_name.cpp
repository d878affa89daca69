#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/node_table.h"

namespace heapprof::analysis {
namespace {

constexpr std::size_t kLongestName = 64;

// The first word of the command line as a name: "nginx" of "nginx: master process", "bash" of "-bash".
std::string nameInCommand(absl::string_view command) {
  std::string word(
      command.substr(0, std::min(command.size(), command.find_first_of(absl::string_view(" \t\0", 3)))));
  word = baseName(word);
  absl::string_view name = absl::StripPrefix(absl::StripSuffix(word, ":"), "-");
  const bool isName = !command.empty() && !name.empty() && name.size() <= kLongestName &&
                      std::all_of(name.begin(), name.end(), [](unsigned char c) {
                        return absl::ascii_isalnum(c) || absl::string_view("._+-").find(
                                                             static_cast<char>(c)) != absl::string_view::npos;
                      });
  return isName ? std::string(name) : std::string();
}

}  // namespace

std::string programName(const model::Snapshot& snapshot) {
  const heapprof::Header& header = snapshot.heap().header();
  absl::string_view path = snapshot.snapshotText(header.program());
  // The first mapping is the executable's, by pprof's rule.
  if (path.empty() && !snapshot.columns().mappings.empty())
    path = snapshot.text(snapshot.columns().mappings.front().file);
  const std::string file = path.empty() ? std::string() : baseName(path);
  const std::string called = nameInCommand(snapshot.snapshotText(header.command_line()));
  if (called.empty() || absl::StartsWith(file, called)) return file;  // python3 is python3.11's own name
  return file.empty() ? called : absl::StrCat(called, " (", file, ")");
}

std::string dumpReason(const model::Snapshot& snapshot) {
  switch (snapshot.heap().header().reason()) {
    case heapprof::EXIT:
      return "at exit";
    case heapprof::SIGNAL:
      return "on a signal";
    case heapprof::API:
      return "by heapprof_dump()";
    case heapprof::INTERVAL:
      return "by its interval";
    case heapprof::GROWTH:
      return "on growth";
    case heapprof::PEAK:
      return "at a peak";
    case heapprof::NEAR_LIMIT:
      return "near its memory limit";
    case heapprof::CONTROL:
      return "on request";
    case heapprof::FATAL_SIGNAL:
      return "at SIGINT or SIGTERM";
    case heapprof::GENERATED:
      return "by a generator, not by a program";
    default:
      return {};
  }
}

}  // namespace heapprof::analysis

#include "profiler/capture/left_behind.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace heapprof::capture {
namespace {

namespace fs = std::filesystem;

std::string contentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// As it was when the program was started.
bool hasVariable(pid_t pid, const std::string& assignment) {
  const std::string environment = contentOf(absl::StrCat("/proc/", pid, "/environ"));
  const std::vector<std::string> variables = absl::StrSplit(environment, '\0');
  return std::find(variables.begin(), variables.end(), assignment) != variables.end();
}

}  // namespace

std::uint64_t startTicksOf(pid_t pid) {
  const std::string stat = contentOf(absl::StrCat("/proc/", pid, "/stat"));
  const std::size_t name = stat.rfind(')');  // a name may hold anything
  if (name == std::string::npos) return 0;
  constexpr std::size_t kStartTime =
      22 - 2;  // its field number, after pid and name, counted from the space behind ")"
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(name), ' ');
  std::uint64_t ticks = 0;
  return fields.size() > kStartTime && absl::SimpleAtoi(fields[kStartTime], &ticks) ? ticks : 0;
}

std::vector<LeftBehind> leftBehind(const std::string& library, const std::string& options,
                                   std::uint64_t sinceTicks) {
  std::vector<LeftBehind> found;
  std::error_code error;
  if (sinceTicks == 0) return found;
  const fs::path real = fs::canonical(library, error);  // as the kernel names it
  const std::string mapped = error ? library : real.string();
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    const std::uint64_t ticks = startTicksOf(pid);
    if (ticks == 0 || ticks < sinceTicks) continue;
    if (contentOf(absl::StrCat("/proc/", pid, "/maps")).find(mapped) == std::string::npos) continue;
    if (!hasVariable(pid, absl::StrCat("HEAPPROF=", options))) continue;
    std::string name = contentOf(absl::StrCat("/proc/", pid, "/comm"));
    name.erase(std::remove(name.begin(), name.end(), '\n'), name.end());
    found.push_back({pid, std::move(name)});
  }
  return found;
}

}  // namespace heapprof::capture

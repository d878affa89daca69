#include "profiler/capture/process.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "profiler/capture/left_behind.h"

namespace heapprof::capture {
namespace {

namespace fs = std::filesystem;

constexpr const char* kControlThread = "heapprof-ctl";  // as the runtime names it

std::string contentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string folderOf(pid_t pid) {
  return absl::StrCat("/proc/", pid);
}

// The words behind "Key:" in /proc/PID/status.
std::vector<std::string> statusWords(absl::string_view status, absl::string_view key) {
  for (const absl::string_view line : absl::StrSplit(status, '\n')) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, key) && absl::ConsumePrefix(&rest, ":"))
      return absl::StrSplit(rest, absl::ByAnyChar("\t "), absl::SkipEmpty());
  }
  return {};
}

template <typename T>
T numberIn(const std::vector<std::string>& words, std::size_t index, T fallback) {
  T value{};
  return index < words.size() && absl::SimpleAtoi(words[index], &value) ? value : fallback;
}

// In seconds; 0 where the kernel does not say.
double ageOf(pid_t pid) {
  double uptime = 0;
  const std::string text = contentOf("/proc/uptime");
  const std::uint64_t started = startTicksOf(pid);
  if (started == 0 || !absl::SimpleAtod(text.substr(0, text.find(' ')), &uptime)) return 0;
  return uptime - static_cast<double>(started) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// "socket:[123]" of every descriptor of one thread.
std::set<std::string> socketsOf(const fs::path& thread) {
  std::set<std::string> inodes;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(thread / "fd", error)) {
    const std::string target = fs::read_symlink(entry.path(), error).string();
    absl::string_view inode = target;
    if (absl::ConsumePrefix(&inode, "socket:[") && absl::ConsumeSuffix(&inode, "]")) inodes.emplace(inode);
  }
  return inodes;
}

}  // namespace

absl::StatusOr<RunningProcess> inspectProcess(pid_t pid) {
  const std::string status = contentOf(folderOf(pid) + "/status");
  const std::vector<std::string> state = statusWords(status, "State");
  if (status.empty() || state.empty() || state[0] == "X")
    return absl::NotFoundError(
        absl::StrCat("there is no process ", pid, "; pgrep -l NAME finds one's number"));
  RunningProcess out;
  out.pid = numberIn(statusWords(status, "Tgid"), 0, pid);
  std::string name = contentOf(folderOf(out.pid) + "/comm");
  name.erase(std::remove_if(name.begin(), name.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }),
             name.end());
  out.name = name;
  if (state[0] == "Z" && out.pid == pid && fs::is_empty(folderOf(pid) + "/fd"))
    return absl::NotFoundError(absl::StrCat("process ", pid, " (", name, ") has ended already"));
  out.user = numberIn(statusWords(status, "Uid"), 1, uid_t{0});
  for (const std::string& word : statusWords(status, "NSpid"))
    out.pidsInside.push_back(numberIn(std::vector<std::string>{word}, 0, pid_t{0}));
  out.secondsOld = ageOf(out.pid);
  out.stopped = state[0] == "T" || state[0] == "t";
  const std::string maps = contentOf(folderOf(out.pid) + "/maps");
  out.mayLookInside = !maps.empty();
  out.hasRuntime = absl::StrContains(maps, "libheapprof");
  return out;
}

bool isAlive(pid_t pid) {
  return inspectProcess(pid).ok();
}

std::vector<std::string> controlPathsOf(pid_t pid) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const fs::directory_entry& thread : fs::directory_iterator(folderOf(pid) + "/task", error)) {
    if (contentOf((thread.path() / "comm").string()) != absl::StrCat(kControlThread, "\n")) continue;
    const std::set<std::string> inodes = socketsOf(thread.path());
    // Num RefCount Protocol Flags Type St Inode Path
    std::ifstream table(thread.path() / "net" / "unix");
    for (std::string line; std::getline(table, line);) {
      const std::vector<std::string> words = absl::StrSplit(line, absl::ByChar(' '), absl::SkipEmpty());
      if (words.size() < 8 || inodes.count(words[6]) == 0) continue;
      // The path is everything behind the inode: it may hold spaces.
      const std::size_t at = line.find(absl::StrCat(" ", words[6], " "));
      if (at != std::string::npos) paths.push_back(line.substr(at + words[6].size() + 2));
    }
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

}  // namespace heapprof::capture

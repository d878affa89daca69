#include "profiler/capture/output.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace heapprof::capture {
namespace {

namespace fs = std::filesystem;

constexpr char kDefaultName[] = "heapprof.%e.%p.%n.pb.gz";
constexpr std::size_t kRuntimePathBytes = 512;  // what the runtime's path= takes

bool isTemplate(const std::string& requested) {
  const std::string last = fs::path(requested).filename().string();
  return absl::StrContains(last, '%') || absl::EndsWith(last, ".gz") || absl::EndsWith(last, ".pb");
}

// Creating a file is the only question whose answer covers permissions, read-only mounts and quotas alike.
absl::Status checkWritable(const std::string& folder) {
  int fd = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    std::string probe = folder + "/.heapprof.XXXXXX";
    fd = mkostemp(probe.data(), O_CLOEXEC);
    if (fd >= 0) unlink(probe.c_str());
  }
  if (fd < 0) {
    return absl::PermissionDeniedError(absl::StrCat(folder,
                                                    ": no dump can be written here: ", std::strerror(errno),
                                                    "; choose another folder with --output DIR"));
  }
  close(fd);
  return absl::OkStatus();
}

// The template as a glob pattern: its %x parts match anything, its own special characters only themselves.
std::string patternOf(const std::string& pathTemplate) {
  std::string pattern;
  for (std::size_t i = 0; i < pathTemplate.size(); ++i) {
    const char c = pathTemplate[i];
    if (c == '%' && i + 1 < pathTemplate.size()) {
      ++i;
      pattern += pathTemplate[i] == '%' ? "%" : "*";
    } else {
      if (std::strchr("*?[]\\", c) != nullptr) pattern += '\\';
      pattern += c;
    }
  }
  return pattern;
}

std::vector<std::string> filesLike(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
  }
  globfree(&found);
  return paths;
}

std::vector<std::string> newFiles(const Output& output, const char* suffix) {
  std::vector<std::pair<std::int64_t, std::string>> aged;
  for (std::string& path : filesLike(patternOf(output.pathTemplate) + suffix)) {
    if (std::find(output.before.begin(), output.before.end(), path) != output.before.end()) continue;
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) continue;
    aged.emplace_back(info.st_mtim.tv_sec * std::int64_t{1000000000} + info.st_mtim.tv_nsec, std::move(path));
  }
  std::sort(aged.begin(), aged.end());
  std::vector<std::string> paths;
  for (auto& [time, path] : aged) paths.push_back(std::move(path));
  return paths;
}

}  // namespace

absl::StatusOr<Output> prepareOutput(const std::string& requested) {
  std::error_code error;
  const fs::path wanted = fs::absolute(requested.empty() ? "." : requested, error).lexically_normal();
  Output output;
  const bool named = !requested.empty() && requested.back() != '/' && !fs::is_directory(wanted, error) &&
                     isTemplate(wanted.string());
  const fs::path folder = named ? wanted.parent_path() : wanted;
  output.pathTemplate = named ? wanted.string() : (wanted / kDefaultName).string();
  output.folder = folder.string();
  if (absl::StrContains(output.pathTemplate, ',')) {
    return absl::InvalidArgumentError(absl::StrCat(
        output.pathTemplate, ": HEAPPROF separates its options by commas, so a path cannot hold one"));
  }
  if (output.pathTemplate.size() >= kRuntimePathBytes) {
    return absl::InvalidArgumentError(absl::StrCat(output.pathTemplate, ": longer than ",
                                                   kRuntimePathBytes - 1,
                                                   " characters; choose a shorter folder with --output DIR"));
  }
  if (!absl::StrContains(output.folder, '%')) {
    fs::create_directories(folder, error);
    if (error) {
      return absl::PermissionDeniedError(absl::StrCat(output.folder, ": cannot be made: ", error.message(),
                                                      "; choose another folder with --output DIR"));
    }
    if (absl::Status writable = checkWritable(output.folder); !writable.ok()) return writable;
  }
  output.before = filesLike(patternOf(output.pathTemplate));
  for (std::string& path : filesLike(patternOf(output.pathTemplate) + ".tmp")) {
    output.before.push_back(std::move(path));
  }
  return output;
}

std::vector<std::string> newDumps(const Output& output) {
  return newFiles(output, "");
}

std::vector<std::string> cutOffDumps(const Output& output) {
  return newFiles(output, ".tmp");
}

}  // namespace heapprof::capture

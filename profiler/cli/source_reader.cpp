#include "profiler/cli/source_reader.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace heapprof::cli {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<std::vector<std::string>> readLines(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    return absl::NotFoundError(absl::StrCat("read ", path.string(), ": is a directory"));
  }
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    const std::string reason = std::generic_category().message(errno == 0 ? ENOENT : errno);
    return absl::NotFoundError(absl::StrCat("open ", path.string(), ": ", absl::AsciiStrToLower(reason)));
  }
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

SourceReader::SourceReader(std::string searchPath) : searchPath_(std::move(searchPath)) {
  std::error_code error;
  if (searchPath_.empty()) searchPath_ = fs::current_path(error).string();
}

std::string SourceReader::trimmed(const std::string& file) const {
  for (const absl::string_view folder : absl::StrSplit(searchPath_, ':', absl::SkipEmpty())) {
    const std::string name = fs::path(std::string(folder)).filename().string();
    const std::size_t at = name.empty() ? std::string::npos : file.find(absl::StrCat("/", name, "/"));
    if (at != std::string::npos) return file.substr(at + name.size() + 2);
  }
  return file;
}

absl::StatusOr<std::vector<std::string>> SourceReader::readWhole(const std::string& file) const {
  const std::string path = trimmed(file);
  if (absl::StartsWith(path, "/")) return readLines(path);
  for (const absl::string_view start : absl::StrSplit(searchPath_, ':', absl::SkipEmpty())) {
    for (fs::path folder = std::string(start);; folder = folder.parent_path()) {
      std::error_code error;
      if (fs::exists(folder / path, error)) return readLines(folder / path);
      if (!folder.has_relative_path()) break;
    }
  }
  return absl::NotFoundError(absl::StrCat("could not find file ", path, " on path ", searchPath_));
}

absl::StatusOr<std::vector<std::string>> SourceReader::lines(const std::string& file, std::int64_t first,
                                                             std::int64_t last) {
  auto at = files_.find(file);
  if (at == files_.end()) at = files_.emplace(file, readWhole(file)).first;
  if (!at->second.ok()) return at->second.status();
  const std::vector<std::string>& all = *at->second;
  const std::size_t begin =
      std::min(all.size(), static_cast<std::size_t>(std::max<std::int64_t>(1, first) - 1));
  const std::size_t end = std::min(all.size(), static_cast<std::size_t>(std::max<std::int64_t>(0, last)));
  return std::vector<std::string>(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                  all.begin() + static_cast<std::ptrdiff_t>(std::max(begin, end)));
}

}  // namespace heapprof::cli

#include "profiler/cli/dump_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "profiler/cli/flag_set.h"
#include "profiler/cli/output.h"

namespace heapprof::cli {
namespace {

namespace fs = std::filesystem;

bool isFolder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

absl::Status addFolder(const std::string& folder, std::vector<DumpFile>* out) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name[0] == '.' || absl::EndsWith(name, ".tmp")) continue;
    std::error_code gone;  // a file that goes away meanwhile is no dump any more
    if (entry->is_regular_file(gone)) names.push_back(entry->path().string());
  }
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat(folder, ": cannot be listed: ", error.message()));
  }
  if (names.empty()) {
    return absl::NotFoundError(absl::StrCat(folder, ": holds no file; give a folder with dumps"));
  }
  std::sort(names.begin(), names.end());
  for (std::string& name : names) out->push_back({std::move(name), true});
  return absl::OkStatus();
}

absl::Status addList(const std::string& list, std::vector<DumpFile>* out) {
  std::ifstream file;
  if (list != "-") file.open(list);
  std::istream& in = list == "-" ? std::cin : file;
  if (!in) return absl::NotFoundError(absl::StrCat(list, ": cannot be read; @LIST is a file of names"));
  const std::size_t before = out->size();
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) continue;
    if (!isFolder(line)) {
      out->push_back({line, true});
    } else if (absl::Status status = addFolder(line, out); !status.ok()) {
      return status;
    }
  }
  if (out->size() > before) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(list, ": names no file; one name a line is expected"));
}

}  // namespace

absl::StatusOr<std::vector<DumpFile>> dumpFiles(const std::vector<std::string>& arguments) {
  std::vector<DumpFile> files;
  for (const std::string& argument : arguments) {
    absl::string_view list = argument;
    absl::Status status;
    std::error_code ignored;
    if (argument.empty()) {
      status = absl::InvalidArgumentError("a file's name is empty; give dumps, a folder of them or @LIST");
    } else if (isFolder(argument)) {
      status = addFolder(argument, &files);
    } else if (absl::ConsumePrefix(&list, "@") && !fs::exists(argument, ignored)) {
      status = addList(std::string(list), &files);
    } else {
      files.push_back({argument, false});
    }
    if (!status.ok()) return status;
  }
  return files;
}

absl::StatusOr<std::vector<std::string>> dumpPaths(const std::vector<std::string>& arguments) {
  absl::StatusOr<std::vector<DumpFile>> files = dumpFiles(arguments);
  if (!files.ok()) return files.status();
  std::vector<std::string> paths;
  for (DumpFile& file : *files) paths.push_back(std::move(file.path));
  return paths;
}

void FleetFlags::add(FlagSet& app) {
  app.addFlag("--strict", strict, "a file that cannot be read ends it all, exit 2 (default: it is left out)");
  app.addFlag("--quiet", quiet, "no progress, and of files that are left out only how many");
}

bool LeftOut::add(const absl::Status& fault) {
  if (first_.ok()) first_ = fault;
  if (flags_.strict) return false;
  if (++count_ <= kMostTold && !flags_.quiet) lines_.push_back(absl::StrCat("left out: ", fault.message()));
  return true;
}

void LeftOut::tell(std::size_t files) const {
  if (count_ == 0) return;
  for (const std::string& line : lines_) note(line);
  note(absl::StrCat("left out: ", count_, " of ", files, " files; --strict makes each an error"));
}

}  // namespace heapprof::cli

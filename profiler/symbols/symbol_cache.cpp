#include "profiler/symbols/symbol_cache.h"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "formats/pprof/read_profile.h"
#include "formats/pprof/write_profile.h"

namespace heapprof::symbols {
namespace {

namespace fs = std::filesystem;
using formats::Row;
using formats::StringIndex;

// Raised whenever an address would be named otherwise than before.
constexpr char kVersion[] = "heapprof symbols 1";
constexpr char kUnfinished[] = ".new.";
constexpr std::size_t kMostAddresses = 1 << 20;  // of one binary; then it starts anew
constexpr std::uint64_t kMostFileBytes = 256 << 20;

// This user's own, and nobody else may write it. Links are not followed.
bool isOurs(const std::string& path, mode_t kind, std::uint64_t* bytes = nullptr) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0 || (info.st_mode & S_IFMT) != kind) return false;
  if (bytes != nullptr) *bytes = static_cast<std::uint64_t>(info.st_size);
  return info.st_uid == geteuid() && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool haveFolder(const std::string& folder) {
  std::error_code ignored;
  fs::create_directories(fs::path(folder).parent_path(), ignored);
  mkdir(folder.c_str(), 0700);  // most often it is there
  return isOurs(folder, S_IFDIR);
}

// It becomes a file's name, and comes from a dump.
bool isBuildId(const std::string& text) {
  return text.size() >= 8 && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isxdigit(static_cast<unsigned char>(c));
         });
}

// The longest unused first, until all together are small enough; and what a killed process left.
void trim(const std::string& folder, std::uint64_t folderBytes) {
  struct Kept {
    fs::file_time_type time;
    std::uint64_t bytes;
    fs::path path;
  };
  std::vector<Kept> files;
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;
    const Kept file{entry->last_write_time(gone), entry->file_size(gone), entry->path()};
    if (gone || !entry->is_regular_file(gone)) continue;
    const bool unfinished = absl::StartsWith(file.path.filename().string(), kUnfinished);
    if (unfinished && fs::file_time_type::clock::now() - file.time > std::chrono::hours(1)) {
      fs::remove(file.path, gone);
    } else if (!unfinished) {
      total += file.bytes;
      files.push_back(file);
    }
  }
  std::sort(files.begin(), files.end(), [](const Kept& a, const Kept& b) { return a.time < b.time; });
  for (const Kept& file : files) {
    if (total <= folderBytes) return;
    std::error_code gone;
    fs::remove(file.path, gone);
    total -= file.bytes;
  }
}

}  // namespace

std::string symbolCacheFolder() {
  const char* said = std::getenv("HEAPPROF_SYMBOL_CACHE");
  if (said != nullptr && said[0] != '\0') return std::string(said) == "off" ? std::string() : said;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return absl::StrCat(cache, "/heapprof/symbols");
  const char* home = std::getenv("HOME");
  return home == nullptr || home[0] != '/' ? std::string() : absl::StrCat(home, "/.cache/heapprof/symbols");
}

std::string SymbolCache::stampOf(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return {};
  return absl::StrCat(info.st_size, " bytes, ", info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec);
}

SymbolCache::SymbolCache(const std::string& folder, const std::string& buildId, const std::string& stamp)
    : folder_(folder) {
  if (folder.empty() || stamp.empty() || !isBuildId(buildId) || !haveFolder(folder)) return;
  path_ = absl::StrCat(folder, "/", buildId, ".pb.zst");
  start(buildId, stamp);
  if (read()) return;
  rowOf_.clear();
  columns_ = {};
  start(buildId, stamp);
}

void SymbolCache::start(const std::string& buildId, const std::string& stamp) {
  columns_.strings = {"", buildId, kVersion, stamp};
  formats::Mapping mapping;
  mapping.id = 1;
  mapping.buildId = 1;
  columns_.mappings = {mapping};
  columns_.comments = {2, 3};
}

// False where what stands there is not to be believed.
bool SymbolCache::read() {
  std::uint64_t bytes = 0;
  if (!isOurs(path_, S_IFREG, &bytes) || bytes > kMostFileBytes) return false;
  absl::StatusOr<formats::ProfileColumns> found = formats::readProfile(path_);
  if (!found.ok() || found->mappings.size() != 1 || found->comments.size() != 2) return false;
  const auto same = [&](StringIndex theirs, StringIndex ours) {
    return found->strings[theirs] == columns_.strings[ours];
  };
  if (!same(found->mappings[0].buildId, 1) || !same(found->comments[0], 2) || !same(found->comments[1], 3)) {
    return false;
  }
  columns_ = *std::move(found);
  for (std::size_t row = 0; row < columns_.locations.size(); ++row) {
    rowOf_.try_emplace(columns_.locations.address[row], static_cast<Row>(row));
  }
  utimensat(AT_FDCWD, path_.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);  // used now
  return true;
}

Row SymbolCache::rowOf(std::uint64_t address) const {
  const auto at = rowOf_.find(address);
  return at == rowOf_.end() ? formats::kNoRow : at->second;
}

absl::optional<std::vector<Frame>> SymbolCache::find(std::uint64_t address) const {
  const Row row = rowOf(address);
  if (row == formats::kNoRow) return absl::nullopt;
  const formats::LocationColumns& locations = columns_.locations;
  const formats::FunctionColumns& functions = columns_.functions;
  std::vector<Frame> frames;
  for (auto k = locations.lineBegin[row]; k < locations.lineBegin[row + std::size_t{1}]; ++k) {
    const Row function = locations.lineFunction[k];
    Frame frame;
    frame.name = columns_.strings[functions.name[function]];
    frame.systemName = columns_.strings[functions.systemName[function]];
    frame.file = columns_.strings[functions.file[function]];
    frame.line = locations.lineNumber[k];
    frame.column = locations.lineColumn[k];
    frame.startLine = functions.startLine[function];
    frames.push_back(std::move(frame));
  }
  return frames;
}

StringIndex SymbolCache::intern(const std::string& text) {
  const auto [at, isNew] = strings_.try_emplace(text, static_cast<StringIndex>(columns_.strings.size()));
  if (isNew) columns_.strings.push_back(text);
  return at->second;
}

Row SymbolCache::function(const Frame& frame) {
  const StringIndex name = intern(frame.name), systemName = intern(frame.systemName),
                    file = intern(frame.file);
  formats::FunctionColumns& functions = columns_.functions;
  const auto [at, isNew] = functions_.try_emplace({{name, systemName}, {file, frame.startLine}},
                                                  static_cast<Row>(functions.size()));
  if (isNew) {
    functions.id.push_back(functions.size() + 1);
    functions.name.push_back(name);
    functions.systemName.push_back(systemName);
    functions.file.push_back(file);
    functions.startLine.push_back(frame.startLine);
  }
  return at->second;
}

void SymbolCache::add(std::uint64_t address, const std::vector<Frame>& frames) {
  if (path_.empty()) return;
  if (added_++ == 0) {
    for (std::size_t i = 0; i < columns_.strings.size(); ++i) {
      strings_.try_emplace(columns_.strings[i], static_cast<StringIndex>(i));
    }
    const formats::FunctionColumns& known = columns_.functions;
    for (std::size_t i = 0; i < known.size(); ++i) {
      functions_.try_emplace({{known.name[i], known.systemName[i]}, {known.file[i], known.startLine[i]}},
                             static_cast<Row>(i));
    }
  }
  formats::LocationColumns& locations = columns_.locations;
  if (!rowOf_.try_emplace(address, static_cast<Row>(locations.size())).second) return;
  locations.id.push_back(locations.size() + 1);
  locations.mapping.push_back(0);
  locations.folded.push_back(0);
  for (const Frame& frame : frames) {
    locations.lineFunction.push_back(function(frame));
    locations.lineNumber.push_back(frame.line);
    locations.lineColumn.push_back(frame.column);
  }
  locations.lineBegin.push_back(locations.lineFunction.size());
  locations.address.push_back(address);  // last: size() counts these
}

void SymbolCache::save(std::uint64_t folderBytes) {
  if (path_.empty() || added_ == 0) return;
  std::error_code ignored;
  if (columns_.locations.size() > kMostAddresses) {
    fs::remove(path_, ignored);
    return;
  }
  // A name of its own: two processes may be at it.
  const std::string fresh =
      absl::StrCat(folder_, "/", kUnfinished, fs::path(path_).filename().string(), ".", getpid());
  if (formats::writeProfile(columns_, fresh, formats::Compression::kZstd).ok() &&
      rename(fresh.c_str(), path_.c_str()) == 0) {
    trim(folder_, folderBytes);
  } else {
    fs::remove(fresh, ignored);
  }
}

}  // namespace heapprof::symbols

#include "profiler/capture/library.h"

#include <cstdlib>
#include <filesystem>
#include <unistd.h>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace heapprof::capture {
namespace {

namespace fs = std::filesystem;

constexpr char kLibrary[] = "libheapprof.so";

bool isReadableFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), R_OK) == 0;
}

}  // namespace

absl::StatusOr<std::string> findRuntimeLibrary() {
  std::error_code error;
  if (const char* named = std::getenv("HEAPPROF_LIBRARY"); named != nullptr && *named != '\0') {
    if (isReadableFile(named)) return fs::absolute(named, error).string();
    return absl::NotFoundError(absl::StrCat("HEAPPROF_LIBRARY=", named, ": no readable file of that name"));
  }
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  const std::vector<fs::path> places = {
      folder.parent_path() / "lib" / kLibrary,
      folder.parent_path() / HEAPPROF_RELATIVE_LIBDIR / kLibrary,
      folder / kLibrary,
      fs::path(HEAPPROF_INSTALL_LIBDIR) / kLibrary,
  };
  std::vector<std::string> tried;
  for (const fs::path& place : places) {
    if (isReadableFile(place)) return place.lexically_normal().string();
    if (tried.empty() || tried.back() != place.string()) tried.push_back(place.string());
  }
  return absl::NotFoundError(absl::StrCat(kLibrary, " is not at ", absl::StrJoin(tried, ", "),
                                          "; set HEAPPROF_LIBRARY to its path"));
}

}  // namespace heapprof::capture

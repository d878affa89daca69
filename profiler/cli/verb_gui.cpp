// `heapprof gui [FILE...]`: becomes heapprof-gui, the one beside this program, else the first in PATH. Its
// options are declared here for help and completion; what they mean, it says itself.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "profiler/cli/output.h"
#include "profiler/cli/verbs.h"

namespace heapprof::cli {
namespace {

constexpr char kProgram[] = "heapprof-gui";

std::vector<std::string> files;
std::string base, page, size, picture;
bool dark = false;

std::vector<std::string> guiArguments() {
  std::vector<std::string> all{kProgram};
  const auto hand = [&all](const char* name, const std::string& value) {
    if (!value.empty()) all.push_back(absl::StrCat(name, "=", value));
  };
  hand("--base", base);
  hand("--screenshot", page);
  hand("--size", size);
  hand("--output", picture);
  if (dark) all.push_back("--dark");
  all.push_back("--");
  all.insert(all.end(), files.begin(), files.end());
  return all;
}

}  // namespace

void addGuiFlags(FlagSet& app) {
  app.addOption("FILE", files, "dumps; the first is shown, [ and ] step through the others");
  app.addOption("--base", base, "a dump to compare with: every page is a difference");
  app.addFlag("--dark", dark, "dark colours");
  app.addOption("--screenshot", page,
                "render this page (overview, flame, map, ...) without a display, to -o F.png");
  app.addOption("--size", size, "of the screenshot, WIDTHxHEIGHT");
  app.addOption("-o,--output", picture, "where the screenshot goes");
}

int runGui() {
  std::vector<std::string> arguments = guiArguments();
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string beside = (self.parent_path() / kProgram).string();
  execv(beside.c_str(), argv.data());
  if (errno != ENOENT) return fail(absl::UnavailableError(absl::StrCat(beside, ": ", std::strerror(errno))));
  execvp(kProgram, argv.data());
  if (errno != ENOENT) {
    return fail(absl::UnavailableError(absl::StrCat(kProgram, " in PATH: ", std::strerror(errno))));
  }
  return fail(absl::NotFoundError(
      absl::StrCat(kProgram, " is neither at ", beside,
                   " nor in PATH; it needs Qt 6.4: build with -DHEAPPROF_BUILD_GUI=ON, install its component "
                   "with cmake --install BUILD --component gui")));
}

}  // namespace heapprof::cli

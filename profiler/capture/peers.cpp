#include "profiler/capture/peers.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <elf.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "profiler/symbols/elf_info.h"

namespace heapprof::capture {
namespace {

namespace fs = std::filesystem;
using symbols::ElfInfo;

// The first prefix that has a file wins; of several versions the highest.
struct Known {
  const char* name;
  const char* package;
  std::vector<const char*> prefixes;
};

const std::vector<Known>& known() {
  static const std::vector<Known> kKnown = {
      {"jemalloc", "libjemalloc2", {"libjemalloc.so."}},
      {"mimalloc", "libmimalloc2.0", {"libmimalloc.so."}},
      {"tcmalloc", "libtcmalloc-minimal4", {"libtcmalloc_minimal.so.", "libtcmalloc.so."}},
  };
  return kKnown;
}

std::vector<std::string> foldersFor(const ElfInfo& machine) {
  std::vector<std::string> folders;
  if (machine.machine == EM_X86_64) folders.push_back("usr/lib/x86_64-linux-gnu");
  if (machine.machine == EM_AARCH64) folders.push_back("usr/lib/aarch64-linux-gnu");
  for (const char* folder : {"usr/lib64", "usr/lib", "usr/local/lib"}) folders.emplace_back(folder);
  return folders;
}

absl::Status checkLibrary(const std::string& path, const ElfInfo& machine) {
  std::error_code error;
  if (fs::is_directory(path, error)) return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder"));
  if (access(path.c_str(), R_OK) != 0) {
    return absl::NotFoundError(absl::StrCat(path, ": ", std::generic_category().message(errno)));
  }
  if (path.find_first_of(" :") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": LD_PRELOAD takes no path with blanks or colons; link to it from another one"));
  }
  const absl::StatusOr<ElfInfo> info = symbols::readElfInfo(path);
  if (!info.ok()) return absl::InvalidArgumentError(absl::StrCat(info.status().message()));
  if (info->type != ET_DYN || !info->hasDynamic) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is no shared library"));
  }
  if (info->machine != machine.machine || info->is64 != machine.is64) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a library for another machine"));
  }
  return absl::OkStatus();
}

// Version numbers after the prefix: the longer name is the more exact one, so "2.0" comes after "2".
std::string newestIn(const fs::path& folder, const std::string& prefix, const ElfInfo& machine) {
  std::string best;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!absl::StartsWith(name, prefix) || !checkLibrary(entry->path().string(), machine).ok()) continue;
    if (best.empty() || strverscmp(name.c_str(), best.c_str()) > 0) best = name;
  }
  return best.empty() ? best : (folder / best).string();
}

std::string find(const Known& peer, const ElfInfo& machine, const fs::path& root) {
  for (const std::string& folder : foldersFor(machine)) {
    for (const char* prefix : peer.prefixes) {
      std::string path = newestIn(root / folder, prefix, machine);
      if (!path.empty()) return path;
    }
  }
  return {};
}

}  // namespace

Peers installedPeers(const std::string& like, const std::string& root) {
  Peers peers;
  peers.found.push_back({"glibc", ""});
  const absl::StatusOr<ElfInfo> machine = symbols::readElfInfo(like);
  for (const Known& peer : known()) {
    std::string path = machine.ok() ? find(peer, *machine, root) : std::string();
    if (path.empty()) {
      peers.missing.push_back(absl::StrCat(peer.name, " (package ", peer.package, ")"));
    } else {
      peers.found.push_back({peer.name, std::move(path)});
    }
  }
  return peers;
}

absl::StatusOr<Peer> namedPeer(const std::string& text, const std::string& like) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not NAME=LIB; for example jemalloc5=/opt/lib/libjemalloc.so.2"));
  }
  Peer peer{text.substr(0, equals), text.substr(equals + 1)};
  if (peer.name == "glibc") {
    return absl::InvalidArgumentError("glibc is the run without a library; choose another name");
  }
  const absl::StatusOr<ElfInfo> machine = symbols::readElfInfo(like);
  if (!machine.ok()) return machine.status();
  const absl::Status fit = checkLibrary(peer.library, *machine);
  if (!fit.ok()) return fit;
  std::error_code error;
  peer.library = fs::absolute(peer.library, error).lexically_normal().string();
  return peer;
}

}  // namespace heapprof::capture

#include "profiler/capture/target.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "profiler/symbols/elf_info.h"

namespace heapprof::capture {
namespace {

namespace fs = std::filesystem;
using symbols::ElfInfo;

constexpr int kMaxInterpreters = 4;  // as the kernel's limit on nested scripts

const char* const kStarters[] = {"sh",   "bash",  "dash",  "zsh",     "ksh",     "fish",
                                 "env",  "nice",  "nohup", "setsid",  "timeout", "stdbuf",
                                 "time", "xargs", "chrt",  "taskset", "ionice",  "numactl",
                                 "make", "ninja", "sudo",  "su",      "runuser", "setpriv"};

bool isStarter(const std::string& name) {
  return std::any_of(std::begin(kStarters), std::end(kStarters),
                     [&](const char* known) { return name == known; });
}

std::string baseName(const std::string& path) {
  return fs::path(path).filename().string();
}

absl::StatusOr<std::string> executableFile(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0)
    return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  if (S_ISDIR(info.st_mode))
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder, not a program"));
  if (access(path.c_str(), X_OK) != 0) {
    return absl::PermissionDeniedError(absl::StrCat(path, ": not executable for you; chmod +x ", path, "?"));
  }
  return path;
}

absl::StatusOr<std::string> findCommand(const std::string& command) {
  if (absl::StrContains(command, '/')) return executableFile(command);
  const char* path = std::getenv("PATH");
  for (absl::string_view folder : absl::StrSplit(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    const std::string candidate = absl::StrCat(folder.empty() ? "." : folder, "/", command);
    if (absl::StatusOr<std::string> found = executableFile(candidate); found.ok()) return found;
  }
  return absl::NotFoundError(absl::StrCat(command, ": command not found in PATH"));
}

// The words of a "#!" line; empty: not a script.
std::vector<std::string> interpreterLine(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  char head[256];
  file.read(head, sizeof head);
  line.assign(head, static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  if (!absl::StartsWith(line, "#!")) return {};
  line = line.substr(2, line.find('\n') == std::string::npos ? std::string::npos : line.find('\n') - 2);
  return absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
}

// "#!/usr/bin/env -S python3 -u" runs python3.
std::string throughEnv(const std::vector<std::string>& words) {
  if (baseName(words[0]) != "env") return words[0];
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i][0] != '-' && !absl::StrContains(words[i], '=')) return words[i];
  }
  return words[0];
}

// Follows "#!" lines to the program that the kernel loads in the end.
absl::Status followScripts(Target* target) {
  std::string path = target->path;
  for (int i = 0; i < kMaxInterpreters; ++i) {
    const std::vector<std::string> words = interpreterLine(path);
    if (words.empty()) break;
    absl::StatusOr<std::string> interpreter = findCommand(throughEnv(words));
    if (!interpreter.ok()) {
      return absl::NotFoundError(
          absl::StrCat(path, ": its interpreter cannot be run: ", interpreter.status().message()));
    }
    if (i == 0) {
      target->notes.push_back(
          absl::StrCat(path, " is a script: what is sampled is its interpreter, ", *interpreter));
    }
    path = *std::move(interpreter);
  }
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  target->executable = error ? path : real.string();
  target->name = baseName(target->executable);
  target->startsOthers = isStarter(target->name) || isStarter(baseName(path));
  return absl::OkStatus();
}

const char* machineName(const ElfInfo& info) {
  switch (info.machine) {
    case EM_X86_64:
      return info.is64 ? "x86-64" : "x32";
    case EM_386:
      return "32-bit x86";
    case EM_AARCH64:
      return "AArch64";
    case EM_ARM:
      return "32-bit Arm";
    case EM_RISCV:
      return "RISC-V";
    case EM_PPC64:
      return "POWER";
    default:
      return "another machine";
  }
}

// The loader drops LD_PRELOAD where the kernel sets AT_SECURE: when executing the file changes who it runs
// as.
void checkPrivileges(Target* target) {
  struct stat info {};
  struct statvfs mount {};
  const std::string& path = target->executable;
  if (stat(path.c_str(), &info) != 0) return;
  if (statvfs(path.c_str(), &mount) == 0 && (mount.f_flag & ST_NOSUID) != 0) return;
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) return;
  const char* rest =
      ", so the loader drops LD_PRELOAD; profile a copy without it, as a user who may do the work";
  if ((info.st_mode & S_ISUID) != 0 && info.st_uid != getuid()) {
    target->obstacles.push_back(absl::StrCat(path, " is setuid to user ", info.st_uid, rest));
  } else if ((info.st_mode & S_ISGID) != 0 && (info.st_mode & S_IXGRP) != 0 && info.st_gid != getgid()) {
    target->obstacles.push_back(absl::StrCat(path, " is setgid to group ", info.st_gid, rest));
  } else if (getuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) > 0) {
    target->obstacles.push_back(absl::StrCat(path, " has file capabilities", rest));
  }
}

void checkAllocator(const ElfInfo& info, Target* target) {
  const std::string& path = target->executable;
  constexpr const char* kNames[] = {"malloc", "__asan_init", "__tsan_init", "__hwasan_init"};
  const absl::StatusOr<std::vector<std::string>> found = symbols::definedFunctions(path, kNames);
  bool ownMalloc = false, sanitizer = false;
  if (found.ok()) {
    for (const std::string& name : *found) (name == "malloc" ? ownMalloc : sanitizer) = true;
  }
  for (const std::string& library : info.needed) {
    for (const char* known : {"libasan.so", "libtsan.so", "liblsan.so", "libhwasan.so"}) {
      sanitizer |= absl::StartsWith(library, known);
    }
    for (const char* known : {"libjemalloc", "libtcmalloc", "libmimalloc", "libsnmalloc"}) {
      if (!absl::StartsWith(library, known)) continue;
      target->linkedAllocator = library;
      target->notes.push_back(
          absl::StrCat(path, " is linked with ", library,
                       ": malloc and free go to libheapprof "
                       "instead; calls by its own names (mallctl, mallocx, ...) still go there"));
    }
  }
  if (sanitizer) {
    target->obstacles.push_back(
        absl::StrCat(path,
                     " is built with a sanitizer, which brings its own malloc and must be "
                     "loaded first; build it without -fsanitize"));
  } else if (ownMalloc) {
    target->obstacles.push_back(
        absl::StrCat(path,
                     " defines its own malloc (an allocator is linked into it), which wins "
                     "over a preloaded one; link it without that allocator"));
  }
}

void checkElf(const ElfInfo& info, const ElfInfo& library, Target* target) {
  const std::string& path = target->executable;
  if (info.machine != library.machine || info.is64 != library.is64) {
    target->obstacles.push_back(absl::StrCat(path, " is a program for ", machineName(info),
                                             "; this libheapprof.so is built for ", machineName(library)));
    return;
  }
  if (info.interpreter.empty()) {
    target->obstacles.push_back(
        info.isGo
            ? absl::StrCat(path,
                           " is a Go program without libc: it never calls malloc; use Go's own heap profile, "
                           "which heapprof opens as well")
            : absl::StrCat(path,
                           " is statically linked: nothing can be preloaded into it; link it dynamically, or "
                           "with libheapprof.a"));
    return;
  }
  if (absl::StrContains(baseName(info.interpreter), "musl")) {
    target->obstacles.push_back(absl::StrCat(path, " runs on musl (", info.interpreter,
                                             "); libheapprof.so needs glibc; build it for glibc"));
    return;
  }
  if (info.isGo) {
    target->notes.push_back(
        absl::StrCat(path,
                     " is a Go program: only what its C code allocates is seen; for the rest use "
                     "Go's own heap profile"));
  }
  checkPrivileges(target);
  checkAllocator(info, target);
}

}  // namespace

absl::StatusOr<Target> inspectTarget(absl::Span<const std::string> command, const std::string& library) {
  if (command.empty() || command[0].empty()) return absl::InvalidArgumentError("no command to run");
  absl::StatusOr<std::string> path = findCommand(command[0]);
  if (!path.ok()) return path.status();
  Target target;
  target.path = *std::move(path);
  if (absl::Status followed = followScripts(&target); !followed.ok()) return followed;
  const absl::StatusOr<ElfInfo> libraryInfo = symbols::readElfInfo(library);
  if (!libraryInfo.ok()) return libraryInfo.status();
  const absl::StatusOr<ElfInfo> info = symbols::readElfInfo(target.executable);
  if (info.ok()) {
    checkElf(*info, *libraryInfo, &target);
  } else if (absl::IsInvalidArgument(info.status())) {
    return absl::InvalidArgumentError(
        absl::StrCat(target.executable, ": neither an ELF program nor a script that starts with #!"));
  } else {
    target.notes.push_back(
        absl::StrCat(info.status().message(), ": cannot tell beforehand whether a profile will come"));
  }
  return target;
}

}  // namespace heapprof::capture

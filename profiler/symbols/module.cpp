#include "profiler/symbols/module.h"

#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "profiler/symbols/symbolizer.h"

namespace heapprof::symbols {
namespace {

constexpr char kDeleted[] = " (deleted)";
constexpr char kDebugFolder[] = "/usr/lib/debug";

std::string baseName(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

// Of a file without build ids only its age can tell that it is not what ran.
bool isNewerThan(const std::string& path, std::int64_t nanos) {
  struct stat info {};
  if (nanos == 0 || stat(path.c_str(), &info) != 0) return false;
  return info.st_mtim.tv_sec * std::int64_t{1000000000} + info.st_mtim.tv_nsec > nanos;
}

absl::Status checkIdentity(const ModuleRequest& request, const std::string& path, const std::string& name,
                           const ElfInfo& info) {
  if (!request.buildId.empty()) {
    if (info.buildId == request.buildId) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat(name, ": build id differs: the dump has ", request.buildId, ", ", path, " has ",
                     info.buildId.empty() ? "none" : info.buildId, "; its functions stay unnamed"));
  }
  if (isNewerThan(path, request.dumpNanos)) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, ": ", path,
                     " changed since the dump, and the dump has no build id to tell whether it "
                     "is the same; its functions stay unnamed"));
  }
  return absl::OkStatus();
}

// Whether a split debug file may lie where elfutils looks for one by name: beside the binary, in .debug
// there, or below a folder of `debugPath` by the binary's path, whole or without its first folders.
bool mayHaveNamedDebugFile(const char* file, const char* link, absl::string_view debugPath) {
  const std::string path = file == nullptr ? "" : file;
  const std::string name = link == nullptr ? absl::StrCat(baseName(path), ".debug") : link;
  char* real = realpath(path.c_str(), nullptr);
  const std::string places[] = {path, real == nullptr ? path : real};
  std::free(real);
  for (const std::string& place : places) {
    const std::string folder = place.substr(0, place.rfind('/') + 1);
    for (const absl::string_view where : absl::StrSplit(debugPath, ':')) {
      if (!absl::StartsWith(where, "/")) {
        if (access(absl::StrCat(folder, where, "/", name).c_str(), F_OK) == 0) return true;
        continue;
      }
      for (std::size_t at = 0; at != std::string::npos; at = folder.find('/', at + 1)) {
        if (access(absl::StrCat(where, folder.substr(at), "/", name).c_str(), F_OK) == 0) return true;
      }
    }
  }
  return false;
}

// As dwfl_standard_find_debuginfo(), which asks servers last: to do so it loads libdebuginfod with libcurl
// and what that needs, a third of a run that reads a small dump, and does so with no server to ask.
int findDebugInfo(Dwfl_Module* module, void** user, const char* name, Dwarf_Addr base, const char* file,
                  const char* link, GElf_Word crc, char** found) {
  const char* servers = std::getenv("DEBUGINFOD_URLS");
  const bool asks = servers != nullptr && servers[0] != '\0';
  const auto* debugPath = static_cast<const std::string*>(*user);
  return asks || mayHaveNamedDebugFile(file, link, *debugPath)
             ? dwfl_standard_find_debuginfo(module, user, name, base, file, link, crc, found)
             : dwfl_build_id_find_debuginfo(module, user, name, base, file, link, crc, found);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Module>> Module::open(const ModuleRequest& request) {
  absl::string_view recorded = request.path;
  const bool wasDeleted = absl::ConsumeSuffix(&recorded, kDeleted);
  const std::string path = absl::StrCat(request.sysroot, recorded);
  const std::string name = baseName(path);
  absl::StatusOr<ElfInfo> info = readElfInfo(path);
  if (!info.ok()) {
    if (absl::IsNotFound(info.status())) {
      return absl::NotFoundError(absl::StrCat(
          name, wasDeleted ? ": was deleted or replaced before the dump" : ": deleted since the dump",
          "; no ", path, " here; its functions stay unnamed"));
    }
    return absl::Status(info.status().code(),
                        absl::StrCat(name, ": ", info.status().message(), "; its functions stay unnamed"));
  }
  if (absl::Status same = checkIdentity(request, path, name, *info); !same.ok()) return same;
  return std::unique_ptr<Module>(new Module(*std::move(info), name, path, request.sysroot));
}

absl::Status Module::attach() {
  debugPath_ = sysroot_.empty() ? absl::StrCat(":.debug:", kDebugFolder)
                                : absl::StrCat(":.debug:", sysroot_, kDebugFolder, ":", kDebugFolder);
  debugPathPointer_ = debugPath_.data();
  callbacks_.find_elf = dwfl_build_id_find_elf;
  callbacks_.find_debuginfo = findDebugInfo;
  callbacks_.section_address = dwfl_offline_section_address;
  callbacks_.debuginfo_path = &debugPathPointer_;
  session_ = dwfl_begin(&callbacks_);
  if (session_ != nullptr) {
    dwfl_report_begin(session_);
    module_ = dwfl_report_offline(session_, path_.c_str(), path_.c_str(), -1);
    dwfl_report_end(session_, nullptr, nullptr);
  }
  GElf_Addr bias = 0;
  if (module_ == nullptr || dwfl_module_getelf(module_, &bias) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ": ", dwfl_errmsg(-1), " (", path_, "); its functions stay unnamed"));
  }
  elfBias_ = bias;
  void** user = nullptr;
  dwfl_module_info(module_, &user, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  *user = &debugPath_;
  symbols_ = std::make_unique<SymbolTable>(module_);
  Dwarf_Addr dwarfBias = 0;
  if (Dwarf* dwarf = dwfl_module_getdwarf(module_, &dwarfBias); dwarf != nullptr) {
    dwarfBias_ = dwarfBias;
    dwarf_ = std::make_unique<DwarfIndex>(dwarf);
    if (dwarf_->empty()) dwarf_.reset();
  }
  return absl::OkStatus();
}

Module::~Module() {
  dwarf_.reset();
  symbols_.reset();
  if (session_ != nullptr) dwfl_end(session_);
}

absl::StatusOr<std::uint64_t> Module::inFile(std::uint64_t address, const formats::Mapping& mapping) const {
  return fileAddress(info_, address, mapping.start, mapping.limit, mapping.offset);
}

std::vector<Frame> Module::frames(std::uint64_t inFile) {
  std::vector<Frame> result;
  const std::uint64_t inModule = inFile + elfBias_;
  const char* symbol = symbols_->find(inModule);
  const std::string linkerName = symbol == nullptr ? "" : symbol;
  if (dwarf_ != nullptr && dwarf_->frames(inModule - dwarfBias_, linkerName, &result)) return result;
  if (linkerName.empty()) return result;
  Frame frame;
  frame.systemName = linkerName;
  frame.name = demangle(linkerName);
  if (dwarf_ != nullptr) dwarf_->line(inModule - dwarfBias_, &frame);
  result.push_back(std::move(frame));
  return result;
}

std::string Module::note() {
  if (dwarf_ != nullptr) return {};
  if (symbols_->isFull()) return absl::StrCat(name_, ": no debug information, names from its symbol table");
  return absl::StrCat(name_,
                      ": stripped, names only for what it exports; install its debug symbols for the rest");
}

}  // namespace heapprof::symbols

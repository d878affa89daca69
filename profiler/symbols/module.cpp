#include "profiler/symbols/module.h"

#include <sys/stat.h>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "profiler/symbols/symbolizer.h"

namespace heapprof::symbols {
namespace {

constexpr char kDeleted[] = " (deleted)";

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
  debugPath_ = sysroot_.empty() ? ":.debug:/usr/lib/debug"
                                : absl::StrCat(":.debug:", sysroot_, "/usr/lib/debug:/usr/lib/debug");
  debugPathPointer_ = debugPath_.data();
  callbacks_.find_elf = dwfl_build_id_find_elf;
  callbacks_.find_debuginfo = dwfl_standard_find_debuginfo;
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

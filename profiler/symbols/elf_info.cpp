#include "profiler/symbols/elf_info.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <unistd.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace heapprof::symbols {
namespace {

class OpenElf {
 public:
  explicit OpenElf(const std::string& path) {
    elf_version(EV_CURRENT);
    fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) {
      const int error = errno;
      status_ = error == ENOENT || error == ENOTDIR
                    ? absl::NotFoundError(absl::StrCat(path, ": no such file"))
                    : absl::FailedPreconditionError(absl::StrCat(path, ": ", std::strerror(error)));
      return;
    }
    elf_ = elf_begin(fd_, ELF_C_READ_MMAP, nullptr);
    if (elf_ == nullptr || elf_kind(elf_) != ELF_K_ELF) {
      status_ = absl::InvalidArgumentError(absl::StrCat(path, ": not an ELF file"));
    }
  }
  ~OpenElf() {
    if (elf_ != nullptr) elf_end(elf_);
    if (fd_ >= 0) close(fd_);
  }
  OpenElf(const OpenElf&) = delete;
  OpenElf& operator=(const OpenElf&) = delete;

  Elf* get() const { return elf_; }
  const absl::Status& status() const { return status_; }

 private:
  int fd_ = -1;
  Elf* elf_ = nullptr;
  absl::Status status_;
};

std::string readInterpreter(Elf* elf, const GElf_Phdr& header) {
  std::size_t size = 0;
  const char* image = elf_rawfile(elf, &size);
  if (image == nullptr || header.p_offset >= size || header.p_filesz > size - header.p_offset) return {};
  return {image + header.p_offset, strnlen(image + header.p_offset, header.p_filesz)};
}

void readNeeded(Elf* elf, const GElf_Phdr& header, ElfInfo* info) {
  Elf_Scn* section = gelf_offscn(elf, header.p_offset);
  GElf_Shdr sectionHeader;
  Elf_Data* data = section == nullptr ? nullptr : elf_getdata(section, nullptr);
  if (data == nullptr || gelf_getshdr(section, &sectionHeader) == nullptr) return;
  GElf_Dyn entry;
  for (int i = 0; gelf_getdyn(data, i, &entry) != nullptr && entry.d_tag != DT_NULL; ++i) {
    if (entry.d_tag != DT_NEEDED) continue;
    const char* name = elf_strptr(elf, sectionHeader.sh_link, entry.d_un.d_val);
    if (name != nullptr) info->needed.emplace_back(name);
  }
}

void readProgramHeaders(Elf* elf, ElfInfo* info) {
  std::size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr header;
    if (gelf_getphdr(elf, static_cast<int>(i), &header) == nullptr) continue;
    if (header.p_type == PT_INTERP) info->interpreter = readInterpreter(elf, header);
    if (header.p_type == PT_DYNAMIC) {
      info->hasDynamic = true;
      readNeeded(elf, header, info);
    }
    if (header.p_type == PT_LOAD) {
      info->segments.push_back(
          {header.p_offset, header.p_vaddr, header.p_filesz, header.p_memsz, (header.p_flags & PF_X) != 0});
    }
  }
}

bool hasSection(Elf* elf, const char* wanted) {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return false;
  for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr;
       section = elf_nextscn(elf, section)) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) continue;
    const char* name = elf_strptr(elf, names, header.sh_name);
    if (name != nullptr && std::strcmp(name, wanted) == 0) return true;
  }
  return false;
}

void collectDefined(Elf* elf, Elf_Scn* section, const GElf_Shdr& header, absl::Span<const char* const> names,
                    std::vector<std::string>* found) {
  Elf_Data* data = elf_getdata(section, nullptr);
  if (data == nullptr || header.sh_entsize == 0) return;
  const auto count = static_cast<int>(header.sh_size / header.sh_entsize);
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol;
    if (gelf_getsym(data, i, &symbol) == nullptr || symbol.st_shndx == SHN_UNDEF) continue;
    const int type = GELF_ST_TYPE(symbol.st_info);
    if (type != STT_FUNC && type != STT_GNU_IFUNC) continue;
    if (GELF_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
    const char* name = elf_strptr(elf, header.sh_link, symbol.st_name);
    if (name == nullptr) continue;
    for (const char* wanted : names) {
      if (std::strcmp(name, wanted) == 0 && std::find(found->begin(), found->end(), wanted) == found->end()) {
        found->emplace_back(wanted);
      }
    }
  }
}

const ElfSegment* segmentOfOffset(const ElfInfo& info, std::uint64_t offset) {
  const ElfSegment* match = nullptr;
  for (const ElfSegment& segment : info.segments) {
    if (offset < segment.fileOffset || offset - segment.fileOffset >= segment.fileBytes) continue;
    if (match == nullptr || segment.executable) match = &segment;
  }
  return match;
}

}  // namespace

absl::StatusOr<ElfInfo> readElfInfo(const std::string& path) {
  const OpenElf file(path);
  if (!file.status().ok()) return file.status();
  GElf_Ehdr header;
  if (gelf_getehdr(file.get(), &header) == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": damaged ELF header: ", elf_errmsg(-1)));
  }
  ElfInfo info;
  info.is64 = gelf_getclass(file.get()) == ELFCLASS64;
  info.type = header.e_type;
  info.machine = header.e_machine;
  const void* id = nullptr;
  const ssize_t idBytes = dwelf_elf_gnu_build_id(file.get(), &id);
  if (idBytes > 0) {
    info.buildId = absl::BytesToHexString(
        absl::string_view(static_cast<const char*>(id), static_cast<std::size_t>(idBytes)));
  }
  info.isGo = hasSection(file.get(), ".go.buildinfo");
  readProgramHeaders(file.get(), &info);
  return info;
}

absl::StatusOr<std::vector<std::string>> definedFunctions(const std::string& path,
                                                          absl::Span<const char* const> names) {
  const OpenElf file(path);
  if (!file.status().ok()) return file.status();
  std::vector<std::string> found;
  for (Elf_Scn* section = elf_nextscn(file.get(), nullptr); section != nullptr;
       section = elf_nextscn(file.get(), section)) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) continue;
    if (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM) {
      collectDefined(file.get(), section, header, names, &found);
    }
  }
  return found;
}

absl::StatusOr<std::uint64_t> fileAddress(const ElfInfo& info, std::uint64_t address, std::uint64_t start,
                                          std::uint64_t limit, std::uint64_t fileOffset) {
  // The largest page size of any kernel we run on: a mapping may begin that far before its segment.
  constexpr std::uint64_t kLargestPage = 64 << 10;
  if (address < start || (limit > start && address >= limit)) {
    return absl::OutOfRangeError(absl::StrCat("address 0x", absl::Hex(address), " is outside its mapping"));
  }
  // A row that starts at offset 0 and reaches over several segments counts from the load address instead.
  if (fileOffset == 0 && info.segments.size() > 1 && limit > start &&
      limit - start > info.segments.front().fileBytes + kLargestPage) {
    return address - start + (info.segments.front().address & ~std::uint64_t{4095});
  }
  const std::uint64_t offset = address - start + fileOffset;
  const ElfSegment* segment = segmentOfOffset(info, offset);
  if (segment == nullptr) {
    return absl::OutOfRangeError(
        absl::StrCat("file offset 0x", absl::Hex(offset), " lies in no loaded segment"));
  }
  return offset - segment->fileOffset + segment->address;
}

}  // namespace heapprof::symbols

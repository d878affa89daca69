#include "runtime/os/code_range.h"

#include <cstring>
#include <link.h>
#include <sys/auxv.h>

// ld.so's, for debuggers. It begins with what was loaded at the start, which stays; libc and ld.so are among
// that.
[[gnu::weak]] extern r_debug _r_debug;
// The linker's: our own first byte.
extern "C" [[gnu::visibility("hidden")]] const ElfW(Ehdr) __ehdr_start;

namespace heapprof::os {
namespace {

// Of the object whose ELF header is there, as all whose first segment begins at 0 have it. Ours has two
// parts, with constants between them (everyday.ld).
CodeRange codeOf(std::uintptr_t base) noexcept {
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(base);
  const auto* segment = reinterpret_cast<const ElfW(Phdr)*>(base + header->e_phoff);
  CodeRange code;
  for (int i = 0; i < header->e_phnum; ++i, ++segment) {
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0) continue;
    if (!code.known()) code.start = base + segment->p_vaddr;
    code.end = base + segment->p_vaddr + segment->p_memsz;
  }
  return code;
}

CodeRange libcCode() noexcept {
  if (&_r_debug == nullptr) return {};
  constexpr char kName[] = "/libc.so.6";
  for (const link_map* map = _r_debug.r_map; map != nullptr; map = map->l_next) {
    const std::size_t length = std::strlen(map->l_name);
    if (length >= sizeof kName - 1 && std::strcmp(map->l_name + length - (sizeof kName - 1), kName) == 0)
      return codeOf(map->l_addr);
  }
  return {};
}

CodeRange loaderCode() noexcept {
  const std::uintptr_t base = getauxval(AT_BASE);
  return base == 0 ? CodeRange{} : codeOf(base);
}

}  // namespace

bool isLoadersOrLibcs(std::uintptr_t address) noexcept {
  return loaderCode().holds(address) || libcCode().holds(address);
}

CodeRange ourCode() noexcept {
#if defined(HEAPPROF_PREFIXED)
  return {};  // linked into a test
#else
  const auto base = reinterpret_cast<std::uintptr_t>(&__ehdr_start);
  const bool isPrograms = getauxval(AT_PHDR) == base + __ehdr_start.e_phoff;
  return isPrograms ? CodeRange{} : codeOf(base);
#endif
}

}  // namespace heapprof::os

#include "runtime/os/code_range.h"

#include <gnu/libc-version.h>
#include <link.h>
#include <sys/auxv.h>

namespace heapprof::os {
namespace {

constinit CodeRange libc, loader, ours;

struct Search {
  std::uintptr_t libcAddress, loaderBase, ourAddress;
};

int visit(dl_phdr_info* info, std::size_t, void* context) noexcept {
  const auto& search = *static_cast<const Search*>(context);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    const CodeRange range = {info->dlpi_addr + header.p_vaddr,
                             info->dlpi_addr + header.p_vaddr + header.p_memsz};
    if (range.holds(search.libcAddress)) libc = range;
    if (search.loaderBase != 0 && info->dlpi_addr == search.loaderBase) loader = range;
    if (range.holds(search.ourAddress)) ours = range;
  }
  return 0;
}

}  // namespace

void learnCodeRanges() noexcept {
  if (libc.known()) return;
  // A function of libc's that nobody intercepts.
  Search search = {reinterpret_cast<std::uintptr_t>(&gnu_get_libc_version), getauxval(AT_BASE),
                   reinterpret_cast<std::uintptr_t>(&learnCodeRanges)};
  dl_iterate_phdr(visit, &search);
#if defined(HEAPPROF_PREFIXED)
  ours = {};  // linked into a test
#endif
  // Linked in statically: then nothing can be told from anything.
  if (ours.start == libc.start) ours = {};
}

const CodeRange& libcCode() noexcept {
  return libc;
}
const CodeRange& loaderCode() noexcept {
  return loader;
}
const CodeRange& ourCode() noexcept {
  return ours;
}

}  // namespace heapprof::os

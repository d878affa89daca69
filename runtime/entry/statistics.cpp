// glibc's statistics and knobs, answered from our books as far as they mean anything here.
#include <limits>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/fatal.h"
#include "runtime/entry/malloc_family.h"
#include "runtime/heap/allocator.h"
#include "runtime/heap/inspect.h"
#include "runtime/pages/pages.h"

namespace {

using heapprof::pages::kGranuleBytes;

int saturate(std::size_t value) noexcept {
  constexpr auto kMost = static_cast<std::size_t>(std::numeric_limits<int>::max());
  return static_cast<int>(value < kMost ? value : kMost);
}

}  // namespace

extern "C" {

int hp_malloc_trim(std::size_t) noexcept {
  return heapprof::heap::releaseFreeMemory() != 0 ? 1 : 0;
}

// Accepted without effect: what glibc tunes by these has no counterpart here. 1 is success.
int hp_mallopt(int, int) noexcept {
  return 1;
}

struct mallinfo2 hp_mallinfo2() noexcept {
  const heapprof::heap::Totals totals = heapprof::heap::totals();
  const heapprof::pages::Totals pages = heapprof::pages::totals();
  struct mallinfo2 info = {};
  info.hblks = totals.largeCount;
  info.hblkhd = totals.largeBytes;
  info.arena = pages.usedGranules * kGranuleBytes - totals.largeBytes;
  info.uordblks = totals.outstandingBytes - totals.cachedBytes - totals.largeBytes;
  info.fordblks = info.arena > info.uordblks ? info.arena - info.uordblks : 0;
  info.keepcost = pages.freeBackedGranules * kGranuleBytes;
  return info;
}

struct mallinfo hp_mallinfo() noexcept {
  const struct mallinfo2 wide = hp_mallinfo2();
  struct mallinfo info = {};
  info.hblks = saturate(wide.hblks);
  info.hblkhd = saturate(wide.hblkhd);
  info.arena = saturate(wide.arena);
  info.uordblks = saturate(wide.uordblks);
  info.fordblks = saturate(wide.fordblks);
  info.keepcost = saturate(wide.keepcost);
  return info;
}

int hp_malloc_info(int options, FILE* stream) noexcept {
  if (options != 0 || stream == nullptr) return -1;
  const struct mallinfo2 info = hp_mallinfo2();
  fprintf(stream, "<malloc version=\"heapprof-1\">\n<system type=\"current\" size=\"%zu\"/>\n",
          info.arena + info.hblkhd);
  heapprof::heap::forEachClass(
      [](void* out, const heapprof::heap::ClassRow& row) {
        if (row.slabs == 0) return;
        fprintf(static_cast<FILE*>(out),
                "<class size=\"%ju\" slabs=\"%ju\" capacity=\"%ju\" outstanding=\"%ju\" cached=\"%ju\"/>\n",
                static_cast<uintmax_t>(row.size), static_cast<uintmax_t>(row.slabs),
                static_cast<uintmax_t>(row.capacity), static_cast<uintmax_t>(row.outstanding),
                static_cast<uintmax_t>(row.cached));
      },
      stream);
  fprintf(stream, "<total type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n</malloc>\n", info.hblks, info.hblkhd);
  return ferror(stream) != 0 ? -1 : 0;
}

void hp_malloc_stats() noexcept {
  const struct mallinfo2 info = hp_mallinfo2();
  fprintf(stderr, "system bytes = %zu\nin use bytes = %zu\nlarge bytes  = %zu in %zu blocks\n",
          info.arena + info.hblkhd, info.uordblks + info.hblkhd, info.hblkhd, info.hblks);
}

}  // extern "C"

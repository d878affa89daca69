// What the kernel says of each page: resident, swapped, mapped by a huge entry. PAGEMAP_SCAN (Linux 6.7)
// where it works, else /proc/self/pagemap (which cannot tell huge pages), else nothing: then known() is false
// and figures are unknown, never 0.
//
// Invariant: a page that only maps the shared zero page is not resident (it is not in RSS either; pagemap
// cannot tell that, so there it counts). Each call to the kernel covers a bounded number of pages, so mmap's
// lock is held shortly. A scan that fails midway makes failed() true; sums that include it are then not to be
// published. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/introspect/dump_memory.h"
#include "runtime/introspect/empty_ranges.h"
#include "runtime/introspect/lock_turns.h"

namespace heapprof::introspect {

enum class TruthSource : std::uint8_t { kNone, kPagemapScan, kPagemap };

struct PageBytes {
  std::uint64_t resident = 0;
  std::uint64_t swapped = 0;
  std::uint64_t huge = 0;  // of resident; 0 with kPagemap, where it is unknown
};

class KernelTruth {
 public:
  KernelTruth() noexcept = default;
  ~KernelTruth();
  KernelTruth(const KernelTruth&) = delete;
  KernelTruth& operator=(const KernelTruth&) = delete;

  // `probe` is any mapped address; of about `bytes` of address space (2 GiB at most) what was read is kept,
  // so that each of a dump's tables need not read it anew. Opens one descriptor, closed by the destructor.
  void open(DumpMemory& memory, const void* probe, std::size_t bytes = 0) noexcept;
  bool known() const noexcept { return source_ != TruthSource::kNone; }
  bool knowsHuge() const noexcept { return source_ == TruthSource::kPagemapScan; }
  bool failed() const noexcept { return failed_; }
  TruthSource source() const noexcept { return source_; }
  int scanError() const noexcept { return scanError_; }        // why PAGEMAP_SCAN is not in use, 0: it is
  int pagemapError() const noexcept { return pagemapError_; }  // why the file could not be read, 0: it can

  // Whole pages of any range, without going through the window. Adds to *out.
  bool sum(std::uintptr_t start, std::size_t bytes, PageBytes* out) noexcept;

  // What is asked from now on is read anew.
  void forgetWindow() noexcept;
  // Parts of pages count as parts. Ranges are best asked for in address order: a window of pages is kept.
  PageBytes within(std::uintptr_t start, std::uintptr_t end) noexcept;
  // One bit a page from `start` (page aligned), lowest page in the lowest bit.
  void residentBits(std::uintptr_t start, std::size_t pages, std::uint64_t* words) noexcept;

 private:
  struct Region {  // struct page_region
    std::uint64_t start;
    std::uint64_t end;
    std::uint64_t categories;
  };
  struct Window {
    bool holds(std::uintptr_t address) const noexcept { return address >= start && address < end; }
    std::uintptr_t start;
    std::uintptr_t end;  // 0: nothing loaded
    bool isEmpty;        // all bits are 0
    std::uint64_t* resident;
    std::uint64_t* swapped;
    std::uint64_t* huge;
  };
  using Visitor = void (*)(void* context, const Region& region);
  bool scan(std::uintptr_t start, std::uintptr_t end, Visitor visit, void* context) noexcept;
  bool scanByIoctl(std::uintptr_t start, std::uintptr_t end, Visitor visit, void* context) noexcept;
  bool scanByPagemap(std::uintptr_t start, std::uintptr_t end, Visitor visit, void* context) noexcept;
  long askKernel(void* scanArguments) noexcept;
  bool takeWindows(DumpMemory& memory, std::size_t count) noexcept;
  bool loadWindow(std::uintptr_t address) noexcept;
  void lookAhead() noexcept;
  static void addToWindow(void* context, const Region& region) noexcept;

  TruthSource source_ = TruthSource::kNone;
  int fd_ = -1;
  int scanError_ = 0;
  int pagemapError_ = 0;
  bool failed_ = false;
  std::size_t page_ = 4096;
  LockTurns turns_;
  Region* regions_ = nullptr;         // buffer of PAGEMAP_SCAN
  std::uint64_t* entries_ = nullptr;  // buffer of pagemap
  // Of an address there is one place for the window that it is in: windows_[number % windowCount_].
  Window* windows_ = nullptr;
  std::size_t windowCount_ = 0;
  Window* window_ = nullptr;  // the one asked about last
  EmptyRanges* empty_ = nullptr;
};

}  // namespace heapprof::introspect

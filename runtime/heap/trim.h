// Trimming: a slab's pages that hold no live object go back to the kernel, though the slab lives on.
//
//   slab   |  page 0  |  page 1  |  page 2  |  page 3  | ...     l: out, f: free
//          |l f f f l | f f f f f| f f f f f| f l f f f|         gone = {1, 2}; their objects are in no list
//
// A free list threaded through free objects pins their pages, so the objects that start in a page that goes
// are taken off the list. Which these are is all that is kept: one bit a page, in the descriptor of its
// granule.
//
// Invariant: every object that starts in a gone page was carved, is free and in no list; pages in which no
// object starts may go as well but have no bit. takeTrimmed() threads the objects of one page again; a slab
// that ends forgets its bits. Who trims holds the heap (a parked or borrowed one), and the slab is not
// current.
#pragma once

#include "runtime/heap/heap.h"
#include "runtime/heap/slabs.h"
#include "runtime/os/os.h"
#include "runtime/pages/scores.h"

namespace heapprof::heap {

// Ranges of memory to be given back, in batches. flush() before the heaps whose slabs they lie in are let go.
// Only what is resident is advised, where the kernel says what is.
class Discards {
 public:
  explicit Discards(pages::PurgeReason reason) noexcept {
    pass_.reason = reason;
    pass_.startNanos = os::calls().monotonicNanos();
  }
  void add(std::uintptr_t start, std::size_t bytes) noexcept;
  void flush() noexcept;
  // False, and for the rest of the pass: the kernel does not say.
  bool residentPages(std::uintptr_t start, std::size_t bytes, unsigned char* pages) noexcept;
  std::uint64_t startNanos() const noexcept { return pass_.startNanos; }
  std::uint64_t advisedBytes() const noexcept { return pass_.advisedBytes; }
  void notePass() const noexcept { pages::notePass(pass_); }
  // Something was left because it is waited for: look again.
  void noteWaits() noexcept { waits_ = true; }
  bool waits() const noexcept { return waits_; }

 private:
  static constexpr std::uint32_t kMost = 256;
  os::Range ranges_[kMost] = {};
  std::uint32_t count_ = 0;
  std::uint64_t pending_ = 0;  // bytes
  bool waits_ = false;
  pages::PurgePass pass_;
};

std::uint32_t countTrimmed(const Slab& slab) noexcept;
inline std::uint32_t trimmedObjects(const Slab& slab) noexcept {
  return slab.trimmed ? countTrimmed(slab) : 0;
}
// Length of localFree at the last look.
inline std::uint32_t listedObjects(const Slab& slab) noexcept {
  return static_cast<std::uint32_t>(slab.carved - slab.handed) - trimmedObjects(slab);
}

// In use, in bins, in remote caches, in `remote`, as the counts say without a look at the list.
std::uint32_t outstandingObjects(const Slab& slab) noexcept;
// True: it is worth walking its list.
bool isWorthALook(const Slab& slab) noexcept;
// Pages that no object in use touches: those that are gone, and those that trim() would give back. It may
// end.
std::uint32_t countFreePages(Heap& heap, Slab& slab) noexcept;

// Objects of the first gone page; of medium classes one, the others become the list, which must be empty.
Chain takeTrimmed(Slab& slab) noexcept;
// Faults the pages of memory that was in use before and will be again: one call takes three quarters of what
// each fault by itself costs.
void bringBack(std::uintptr_t start, std::size_t bytes) noexcept;

// Gives back what the slab does not need; it may end.
void trim(Heap& heap, Slab& slab, Discards& discards) noexcept;

}  // namespace heapprof::heap

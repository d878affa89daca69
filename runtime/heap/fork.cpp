// The heap's part in fork(): every lock from here down is held across it, in their order, so that the child
// finds no books half written; and what is free is given back before it, so that nobody has to copy it.
#include "runtime/base/errno_keeper.h"
#include "runtime/config/options.h"
#include "runtime/heap/allocator.h"
#include "runtime/heap/pool.h"
#include "runtime/heap/samples.h"
#include "runtime/heap/slab_map.h"
#include "runtime/heap/trim.h"
#include "runtime/meta/meta_memory.h"
#include "runtime/os/os.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/pages.h"

namespace heapprof::heap {
namespace {

// Free memory that is not worth giving back: less than either.
constexpr std::size_t kLittle = std::size_t{256} << 10;
constexpr std::size_t kLittleShare = 128;
// Nor is a heap of less than 4 MiB.
constexpr std::uint64_t kSmallGranules = (std::uint64_t{4} << 20) >> pages::kGranuleShift;
// A program that forks again and again looks so often at most, and gives back so much at a time.
constexpr std::uint64_t kRestNanos = 100'000'000;
constexpr std::size_t kMostBytes = std::size_t{64} << 20;

// Whole pages that hold nothing. Units that are one huge page stay whole.
class FreePages {
 public:
  std::size_t bytes() const noexcept { return bytes_; }
  bool isFull() const noexcept { return count_ == kMost || bytes_ >= kMostBytes; }
  void add(std::uintptr_t start, std::uintptr_t end) noexcept {
    const std::uintptr_t page = os::pageBytes();
    start = (start + page - 1) & ~(page - 1);
    end &= ~(page - 1);
    if (start >= end || isFull()) return;
    bytes_ += end - start;
    os::Range* last = count_ == 0 ? nullptr : &ranges_[count_ - 1];
    if (last != nullptr && reinterpret_cast<std::uintptr_t>(last->start) == end) {
      *last = {reinterpret_cast<void*>(start), last->bytes + (end - start)};
    } else {
      ranges_[count_++] = {reinterpret_cast<void*>(start), end - start};
    }
  }
  void giveBack() const noexcept { os::calls().discardMany(ranges_, count_); }

 private:
  static constexpr std::uint32_t kMost = 128;
  os::Range ranges_[kMost];
  std::uint32_t count_ = 0;
  std::size_t bytes_ = 0;
};

// What links lists and bins lies in an object's first two words; behind it is nothing.
void addObject(const void* object, std::size_t size, FreePages* free) noexcept {
  const auto start = reinterpret_cast<std::uintptr_t>(object);
  if (pages::isHuge(pages::unitOf(pages::granuleOf(object)))) return;
  free->add(start + 2 * sizeof(void*), start + size);
}

// Lists that are none, because the program wrote to freed memory, are left alone: a crash handler may fork.
void addList(const Slab& slab, FreePages* free) noexcept {
  const std::size_t size = kSizeClasses[slab.sizeClass].size;
  const std::uintptr_t start = startOf(&slab);
  const std::uint32_t expected =
      listedObjects(slab) + static_cast<std::uint16_t>(slab.armed - slab.countdown);
  std::uint32_t count = 0;
  for (void* at = slab.localFree; at != nullptr; at = nextObject(at)) {
    const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(at) - start;
    if (offset >= slab.carved * size || offset % size != 0 || ++count > expected) return;
  }
  if (count != expected) return;
  for (void* at = slab.localFree; at != nullptr; at = nextObject(at)) addObject(at, size, free);
}

// As medium.cpp left it: the k-th from the end holds k.
bool isInBin(const Heap& heap, std::uint8_t c, const void* object, std::size_t depth) noexcept {
  const Slab* slab = findSlab(object);
  if (slab == nullptr || (slab->kind != SlabKind::kSlab && slab->kind != SlabKind::kInterior)) return false;
  const Slab& first = *firstOf(const_cast<Slab*>(slab));
  if (first.sizeClass != c || ownerOf(first.owner.load(std::memory_order_relaxed)) != &heap) return false;
  const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(object) - startOf(&first);
  return offset % kSizeClasses[c].size == 0 && static_cast<const std::size_t*>(object)[1] == depth;
}

void addBin(const Heap& heap, std::uint8_t c, FreePages* free) noexcept {
  void* const head = heap.bins[c];
  if (head == nullptr || findSlab(head) == nullptr) return;
  const std::size_t length = static_cast<const std::size_t*>(head)[1];
  std::size_t depth = length;
  for (void* at = head; at != nullptr; at = nextObject(at), --depth) {
    if (depth == 0 || depth > kMostSpares || !isInBin(heap, c, at, depth)) return;
  }
  if (depth != 0) return;
  for (void* at = head; at != nullptr; at = nextObject(at)) addObject(at, kSizeClasses[c].size, free);
}

// Free medium objects of the thread's own heap, the largest first. Nothing is written, so it may be done in a
// signal handler that interrupted malloc(): what that has taken already is in no list.
void addObjects(const Heap& heap, FreePages* free) noexcept {
  int slabsLeft = 256;
  for (std::size_t c = kClasses; c-- > 0 && isMedium(c) && !free->isFull();) {
    const auto sizeClass = static_cast<std::uint8_t>(c);
    addBin(heap, sizeClass, free);
    if (heap.current[c] != nullptr) addList(*heap.current[c], free);
    for (pages::Granule at = heap.partial[c]; at != pages::kNoGranule && slabsLeft-- > 0;) {
      const Slab& slab = *slabAt(at);
      addList(slab, free);
      at = slab.link;
    }
  }
}

// Page lock held. From the highest address down, so that neighbours join.
void addGranules(FreePages* free) noexcept {
  for (std::size_t r = pages::regionCount(); r-- > 0;) {
    const pages::Region& region = pages::regionAt(r);
    for (std::uint32_t u = region.committed.load(std::memory_order_relaxed) >> pages::kUnitGranulesShift;
         u-- > 0 && !free->isFull();) {
      const pages::Unit& unit = region.units[u];
      std::uint64_t todo =
          unit.backed.load(std::memory_order_relaxed) & ~unit.used.load(std::memory_order_relaxed);
      if (todo == 0 || pages::isHuge(unit)) continue;
      const std::uintptr_t start = region.start + (std::uintptr_t{u} << pages::kUnitShift);
      while (todo != 0) {
        const unsigned end = 64 - static_cast<unsigned>(__builtin_clzll(todo));
        const std::uint64_t below = ~todo & pages::bitRun(0, end);
        const unsigned first = below == 0 ? 0 : 64 - static_cast<unsigned>(__builtin_clzll(below));
        todo &= ~pages::bitRun(first, end - first);
        free->add(start + first * pages::kGranuleBytes, start + end * pages::kGranuleBytes);
      }
    }
  }
}

[[gnu::noinline]] void giveBackFree(const Heap* own, const pages::Held& held) noexcept {
  if (config::options().purge.mode == config::PurgeMode::kNever || pages::kernelFormsByItself()) return;
  FreePages free;
  if (own != nullptr) addObjects(*own, &free);
  const std::size_t found = free.bytes() + (held.freeBackedGranules << pages::kGranuleShift);
  const std::size_t share = (held.usedGranules << pages::kGranuleShift) / kLittleShare;
  if (found < kLittle || found < share) return;
  const base::ErrnoKeeper keeper;
  if (held.freeBackedGranules != 0) addGranules(&free);
  free.giveBack();
}

// After fork the first write to a page copies it, whichever of the two processes writes, though it holds
// nothing. The books are not told: what they call backed may read as anything, and now reads as zero; nor is
// it faulted ahead when it comes back. Pool and page lock held.
void giveBackIfChanged(const pages::Held& held) noexcept {
  static constinit const Heap* lastHeap = nullptr;
  static constinit std::uint64_t lastTicks = 0, lastActivity = 0, lastNanos = 0;
  if (held.usedGranules + held.freeBackedGranules < kSmallGranules) return;
  const Heap* own = heldHeap();
  const std::uint64_t ticks = own == nullptr ? 0 : own->ticks.load(std::memory_order_relaxed);
  if (lastHeap == own && lastTicks == ticks && lastActivity == held.activity) return;
  const std::uint64_t now = os::calls().monotonicNanos();
  if (lastNanos != 0 && now - lastNanos < kRestNanos) return;
  lastHeap = own;
  lastTicks = ticks;
  lastActivity = held.activity;
  lastNanos = now;
  giveBackFree(own, held);
}

}  // namespace

void prepareFork() noexcept {
  sampling::prepareFork();  // first: who is inside the unwinder may still need the locks below
  lockPool();
  lockSamples();
  giveBackIfChanged(pages::prepareFork());
  meta::prepareFork();
}

void parentAfterFork() noexcept {
  meta::parentAfterFork();
  pages::parentAfterFork();
  unlockSamples();
  unlockPool();
  sampling::parentAfterFork();
}

void childAfterFork() noexcept {
  os::forgetThreadId();
  meta::resetAfterFork();
  pages::childAfterFork();
  resetSampleLocks();
  poolInChild();
  sampling::childAfterFork();
}

}  // namespace heapprof::heap

#include "runtime/heap/slabs.h"

#include "runtime/base/fatal.h"
#include "runtime/heap/choose_slab.h"
#include "runtime/heap/make_slab.h"
#include "runtime/heap/samples.h"
#include "runtime/heap/slab_map.h"
#include "runtime/heap/trim.h"
#include "runtime/heap/trim_own.h"
#include "runtime/pages/growth.h"
#include "runtime/pages/pages.h"
#include "runtime/sampling/sampler.h"

namespace heapprof::heap {
namespace {

// Empty slabs of a heap that stay in their lists: 512 KiB.
constexpr std::uint32_t kMostKept = (std::uint32_t{512} << 10) >> pages::kGranuleShift;

// Takes note of local frees since the last look, and starts a new count.
void fold(Heap& heap, Slab& slab, std::uint16_t nextCountdown) noexcept {
  const std::uint32_t came = slab.armed - slab.countdown;
  if (came > slab.handed) base::fatal("more objects came back to a slab than were handed out (double free)");
  slab.handed = static_cast<std::uint16_t>(slab.handed - came);
  heap.freed[slab.sizeClass] += came;
  if (came != 0) slab.lookedThrough = false;  // the count of them is gone
  setCountdown(slab, nextCountdown);
}

// The owner has just folded: forgets the samples among what it freed since it last looked through the list.
void notice(Slab& slab) noexcept {
  const auto listed = static_cast<std::uint16_t>(listedObjects(slab));
  noticeFrees(slab, static_cast<std::uint32_t>(listed - slab.clean));
  slab.clean = listed;
}

// The same, and takes the list.
void* detach(Slab& slab) noexcept {
  const std::uint32_t newest = listedObjects(slab) - slab.clean;
  slab.clean = 0;
  if (listMayHoldSamples(slab)) [[unlikely]]
    return detachFrees(slab, newest);
  void* head = slab.localFree;
  slab.localFree = nullptr;
  return head;
}

void disarm(Slab& slab) noexcept {
  std::uint64_t old = slab.remote.load(std::memory_order_relaxed);
  RemoteWord word = {};
  do {
    word = RemoteWord::unpack(old);
    word.wakeAt = 0;
    // acq_rel, as in pushRemote: it carries the chain on.
  } while (!slab.remote.compare_exchange_weak(old, word.pack(), std::memory_order_acq_rel,
                                              std::memory_order_relaxed));
}

bool isHollow(const Slab& slab) noexcept {
  return slab.trimmed && slab.localFree == nullptr && loadRemote(slab).count == 0;
}

// Where it is filed while it is neither current nor full.
pages::Granule& listOf(Heap& heap, const Slab& slab) noexcept {
  return (slab.state == SlabState::kHollow ? heap.hollow : heap.partial)[slab.sizeClass];
}

void unlink(Heap& heap, Slab& slab) noexcept {
  if (slab.prev == pages::kNoGranule) {
    listOf(heap, slab) = slab.link;
  } else {
    slabAt(slab.prev)->link = slab.link;
  }
  if (slab.link != pages::kNoGranule) slabAt(slab.link)->prev = slab.prev;
  if (slab.kept) {
    slab.kept = false;
    heap.keptGranules -= slab.granules;
  }
}

void clearSlab(Slab& slab) noexcept {
  slab.owner.store(0, std::memory_order_relaxed);
  slab.localFree = nullptr;
  slab.remote.store(0, std::memory_order_relaxed);
  slab.kind = SlabKind::kUnused;
  slab.link = pages::kNoGranule;
  slab.gone = 0;
}

// The slab is empty and in no list: its granules go back.
void endSlab(Heap& heap, Slab& slab) noexcept {
  heap.freed[slab.sizeClass] += slab.handed;  // those in the remote word were never collected
  detach(slab);
  if (holdsSamples(slab)) base::fatal("a slab came free while an object of it is in use (double free)");
  const pages::Granule first = granuleOf(&slab);
  const std::uint32_t granules = slab.granules;
  const bool medium = isMedium(slab.sizeClass);
  for (std::uint32_t i = 0; i < granules; ++i) clearSlab(*slabAt(first + i));
  if (medium) {
    pages::release(first, granules);
  } else {
    giveGranule(heap, first);
  }
}

// Into the list where it belongs now. Whoever joins that of partial slabs makes an empty slab that was kept
// in it superfluous, so a kept slab is always alone.
void link(Heap& heap, Slab& slab) noexcept {
  slab.state = isHollow(slab) ? SlabState::kHollow : SlabState::kPartial;
  pages::Granule& head = listOf(heap, slab);
  if (head != pages::kNoGranule && slabAt(head)->kept) {
    Slab& superfluous = *slabAt(head);
    unlink(heap, superfluous);
    endSlab(heap, superfluous);
  }
  slab.link = head;
  slab.prev = pages::kNoGranule;
  const pages::Granule granule = granuleOf(&slab);
  if (head != pages::kNoGranule) slabAt(head)->prev = granule;
  head = granule;
}

// Not current: it may belong to another list than it is in now; a full one is in none.
void relink(Heap& heap, Slab& slab) noexcept {
  if (slab.state != SlabState::kFull) {
    if ((slab.state == SlabState::kHollow) == isHollow(slab)) return;
    unlink(heap, slab);
  }
  link(heap, slab);
}

// A partial slab with nothing out: kept if the heap keeps little else, ended otherwise.
void retire(Heap& heap, Slab& slab) noexcept {
  if (slab.pushPending || slab.kept) return;
  const std::uint32_t granules = slab.granules;
  if (heap.keptGranules + granules <= kMostKept && slab.state == SlabState::kPartial &&
      slab.link == pages::kNoGranule && slab.prev == pages::kNoGranule) {
    slab.kept = true;
    heap.keptGranules += granules;
    return;
  }
  unlink(heap, slab);
  endSlab(heap, slab);
}

// Arms a partial slab so that its becoming empty cannot go unnoticed (slab.h), or retires it if it is empty
// already. As long as the remote threshold leaves room, the local countdown alone is set: no atomic write.
void armPartial(Heap& heap, Slab& slab) noexcept {
  // acquire: pairs with pushRemote: when nothing is out, whatever a freer read of the slab lies before our
  // ending it.
  std::uint64_t old = slab.remote.load(std::memory_order_acquire);
  for (;;) {
    RemoteWord word = RemoteWord::unpack(old);
    if (word.count > slab.handed) {
      base::fatal("more objects came back to a slab than were handed out (double free)");
    }
    const auto out = static_cast<std::uint16_t>(slab.handed - word.count);
    // With a push under way its arrival will arm, or retire, once more.
    const bool pushDue = slab.pushPending || word.crossed();
    if (out == 0 && !pushDue) return retire(heap, slab);
    if (pushDue) return setCountdown(slab, out == 0 ? kNeverEnds : out);
    const auto toWake = static_cast<std::uint16_t>(word.wakeAt - word.count);
    if (word.wakeAt != 0 && toWake <= out) {
      return setCountdown(slab, static_cast<std::uint16_t>(out + 1 - toWake));
    }
    // Half here, half and one there.
    word.wakeAt = static_cast<std::uint16_t>(word.count + out / 2 + 1);
    if (slab.remote.compare_exchange_weak(old, word.pack(), std::memory_order_acq_rel,
                                          std::memory_order_acquire)) {
      return setCountdown(slab, static_cast<std::uint16_t>(out - out / 2));
    }
  }
}

// Takes what other threads pushed, and arms the word anew; the objects stay counted as handed out.
Chain takeRemote(Slab& slab) noexcept {
  if (loadRemote(slab).count == 0) return {};
  const std::uint16_t wakeAt = wakeAfter(slab.capacity);
  std::uint64_t old = slab.remote.load(std::memory_order_relaxed);
  RemoteWord word = {};
  bool pushDue = false;
  do {
    word = RemoteWord::unpack(old);
    pushDue = slab.pushPending || word.crossed();
    // acquire: pairs with the release in pushRemote: the links are ours to read.
  } while (!slab.remote.compare_exchange_weak(old,
                                              RemoteWord{0, 0, pushDue ? std::uint16_t{0} : wakeAt}.pack(),
                                              std::memory_order_acq_rel, std::memory_order_relaxed));
  slab.pushPending = pushDue;
  return {reinterpret_cast<void*>(startOf(&slab) + (std::uintptr_t{word.head} << 3)), word.count, false};
}

// The first of the list alone: the others' first lines have long left the cache.
Chain takeOne(Slab& slab) noexcept {
  if (listMayHoldSamples(slab)) [[unlikely]]
    notice(slab);
  void* object = slab.localFree;
  slab.localFree = nextObject(object);
  ++slab.handed;
  slab.clean = static_cast<std::uint16_t>(listedObjects(slab));
  return {object, 1, false, true};
}

// All of the list if that is at most `most` objects: finding the place of a cut means a cache miss an object.
Chain takeLocal(Heap& heap, Slab& slab, std::uint64_t most) noexcept {
  if (slab.localFree == nullptr) return {};
  fold(heap, slab, kNeverEnds);
  const std::uint32_t count = listedObjects(slab);
  if (isMedium(slab.sizeClass) || count > most) return takeOne(slab);
  const Chain chain = {detach(slab), count};
  slab.handed = static_cast<std::uint16_t>(slab.handed + count);
  return chain;
}

Chain carve(Slab& slab) noexcept {
  const SizeClass& row = kSizeClasses[slab.sizeClass];
  const std::uint32_t left = static_cast<std::uint32_t>(slab.capacity - slab.carved);
  if (left == 0) return {};
  const std::uint32_t count = left < row.carveBatch ? left : row.carveBatch;
  const std::uintptr_t first = startOf(&slab) + std::uintptr_t{slab.carved} * row.size;
  if (slab.returning) [[unlikely]]
    bringBack(first, count * row.size);
  std::uintptr_t at = first;
  for (std::uint32_t i = 1; i < count; ++i, at += row.size) {
    nextObject(reinterpret_cast<void*>(at)) = reinterpret_cast<void*>(at + row.size);
  }
  if (count > 1) nextObject(reinterpret_cast<void*>(at)) = nullptr;
  slab.carved = static_cast<std::uint16_t>(slab.carved + count);
  slab.handed = static_cast<std::uint16_t>(slab.handed + count);
  return {reinterpret_cast<void*>(first), count, slab.zeroed};
}

Chain takeFrom(Heap& heap, Slab& slab, std::uint64_t most) noexcept {
  Chain chain = takeLocal(heap, slab, most);
  if (chain.count != 0) return chain;
  chain = takeRemote(slab);
  if (chain.count == 0 && !slab.trimmed) return carve(slab);
  if (chain.count == 0) return pages::growth.passesOver() ? chain : takeTrimmed(slab);
  heap.freed[slab.sizeClass] += chain.count;
  if (chain.count <= most) return chain;
  putBack(heap, slab.sizeClass, chain);
  return takeOne(slab);
}

// Lays the class's current slab aside as full. False: something has just come back.
bool parkCurrent(Heap& heap, Slab& slab) noexcept {
  std::uint64_t old = slab.remote.load(std::memory_order_relaxed);
  const RemoteWord word = RemoteWord::unpack(old);
  if (word.count != 0) return false;
  const std::uint16_t wakeAt = wakeAfter(slab.capacity);
  // A push that had been outrun disarmed it. Exactly this word may be armed: what comes in between must be
  // seen.
  if (word.wakeAt == 0 && !slab.pushPending &&
      !slab.remote.compare_exchange_strong(old, RemoteWord{0, 0, wakeAt}.pack(), std::memory_order_acq_rel,
                                           std::memory_order_relaxed)) {
    return false;
  }
  fold(heap, slab, wakeAt);
  slab.state = SlabState::kFull;
  heap.current[slab.sizeClass] = nullptr;
  return true;
}

// Nothing is left to take but what lies in pages that were given back.
[[gnu::noinline]] void layHollow(Heap& heap, Slab& slab) noexcept {
  pages::growth.notePassedOver(std::uint64_t{trimmedObjects(slab)} * kSizeClasses[slab.sizeClass].size);
  heap.current[slab.sizeClass] = nullptr;
  fold(heap, slab, kNeverEnds);
  link(heap, slab);
  armPartial(heap, slab);
}

void makeCurrent(Heap& heap, Slab& slab) noexcept {
  fold(heap, slab, kNeverEnds);
  slab.state = SlabState::kCurrent;
  slab.lookedThrough = false;
  slab.awaited = false;
  heap.current[slab.sizeClass] = &slab;
}

Slab* nextSlab(Heap& heap, std::uint8_t sizeClass) noexcept {
  if (heap.partial[sizeClass] == pages::kNoGranule) {
    drainInbox(heap);
    flushRemoteCache(heap);
  }
  pages::Granule listed = heap.partial[sizeClass];
  if (listed == pages::kNoGranule && heap.hollow[sizeClass] != pages::kNoGranule) {
    if (pages::growth.passesOver()) {
      pages::growth.notePassedOver(pages::kGranuleBytes);
    } else {
      listed = heap.hollow[sizeClass];
    }
  }
  if (listed == pages::kNoGranule) {
    if (!isMedium(sizeClass)) {
      if (Slab* gleaned = glean(heap, sizeClass); gleaned != nullptr) return gleaned;
    }
    if (pages::isNear()) [[unlikely]]
      trimOwnNear(heap);
    if (Slab* made = makeSlab(heap, sizeClass); made != nullptr) return made;
    // Out of memory: what was passed over will do.
    pages::growth.stopPassing();
    listed = heap.hollow[sizeClass];
    if (listed == pages::kNoGranule) return nullptr;
  }
  Slab& slab = isMedium(sizeClass) ? fullestOf(listed) : *slabAt(listed);
  unlink(heap, slab);
  return &slab;
}

}  // namespace

Chain takeObjects(Heap& heap, std::uint8_t sizeClass, std::uint64_t most) noexcept {
  for (;;) {
    Slab* slab = heap.current[sizeClass];
    if (slab == nullptr) {
      heap.tick();
      trimOwnIfAsked(heap);
      slab = nextSlab(heap, sizeClass);
      if (slab == nullptr) return {};
      makeCurrent(heap, *slab);
    }
    do {
      const Chain chain = takeFrom(heap, *slab, most);
      if (chain.count != 0) return chain;
      if (slab->trimmed) {
        layHollow(heap, *slab);
        break;
      }
    } while (!parkCurrent(heap, *slab));
  }
}

bool hasFree(const Heap& heap, std::uint8_t sizeClass) noexcept {
  if (heap.bins[sizeClass] != nullptr || heap.partial[sizeClass] != pages::kNoGranule) return true;
  const Slab* slab = heap.current[sizeClass];
  if (slab != nullptr && (slab->localFree != nullptr || loadRemote(*slab).count != 0)) return true;
  if (slab != nullptr && !slab->trimmed && slab->carved < slab->capacity) return true;
  const bool anyGone = heap.hollow[sizeClass] != pages::kNoGranule || (slab != nullptr && slab->trimmed);
  return anyGone && !pages::growth.passesOver();
}

void putBack(Heap& heap, std::uint8_t sizeClass, Chain chain) noexcept {
  if (chain.count == 0) return;
  Slab& slab = *heap.current[sizeClass];
  fold(heap, slab, kNeverEnds);
  if (slab.localFree == nullptr) {
    slab.clean = static_cast<std::uint16_t>(chain.count);
  } else {
    void* tail = chain.head;
    for (std::uint32_t i = 1; i < chain.count; ++i) tail = nextObject(tail);
    nextObject(tail) = slab.localFree;
  }
  // release: as in pushLocal.
  std::atomic_ref<void*>(slab.localFree).store(chain.head, std::memory_order_release);
  slab.handed = static_cast<std::uint16_t>(slab.handed - chain.count);
}

void lookAt(Heap& heap, Slab* slab) noexcept {
  heap.tick();
  fold(heap, *slab, kNeverEnds);
  if (listMayHoldSamples(*slab)) [[unlikely]]
    notice(*slab);
  if (slab->state == SlabState::kCurrent) return;
  relink(heap, *slab);
  armPartial(heap, *slab);
}

void* takeList(Heap& heap, Slab& slab) noexcept {
  fold(heap, slab, kNeverEnds);
  const Chain pushed = takeRemote(slab);
  if (pushed.count != 0) {
    heap.freed[slab.sizeClass] += pushed.count;
    void* tail = pushed.head;
    for (std::uint32_t i = 1; i < pushed.count; ++i) tail = nextObject(tail);
    nextObject(tail) = slab.localFree;
    // release: as in pushLocal.
    std::atomic_ref<void*>(slab.localFree).store(pushed.head, std::memory_order_release);
    slab.handed = static_cast<std::uint16_t>(slab.handed - pushed.count);
  }
  return detach(slab);
}

void giveList(Heap& heap, Slab& slab, void* list) noexcept {
  // release: as in pushLocal.
  std::atomic_ref<void*>(slab.localFree).store(list, std::memory_order_release);
  slab.clean = static_cast<std::uint16_t>(listedObjects(slab));
  relink(heap, slab);
  armPartial(heap, slab);
}

void drainInbox(Heap& heap) noexcept {
  if (heap.inbox.load(std::memory_order_relaxed) == pages::kNoGranule) return;
  // acquire: pairs with the release in pushInbox.
  pages::Granule at = heap.inbox.exchange(pages::kNoGranule, std::memory_order_acquire);
  while (at != pages::kNoGranule) {
    Slab* slab = slabAt(at);
    at = slab->inboxNext.load(std::memory_order_relaxed);
    // This was the push that was due: the slab may be armed again. A current slab is, when its word is taken.
    disarm(*slab);
    slab->pushPending = false;
    lookAt(heap, slab);
  }
}

void surrender(Heap& heap) noexcept {
  flushRemoteCache(heap);
  for (std::uint8_t c = 0; c < kClasses; ++c) {
    if (isMedium(c)) emptyMediumBin(heap, c);
    Slab* slab = heap.current[c];
    if (slab == nullptr) continue;
    Chain bin = {heap.bins[c], 0, false};
    for (void* at = bin.head; at != nullptr; at = nextObject(at)) ++bin.count;
    heap.bins[c] = nullptr;
    heap.installed[c] = 0;
    heap.allocated[c] -= bin.count;
    // Their part of the gap was not used: without this, threads that come and go would be sampled for it.
    if (heap.untilSample[c] != sampling::kNever) heap.untilSample[c] += bin.count;
    heap.approaching[c] = false;
    putBack(heap, c, bin);
    heap.current[c] = nullptr;
    fold(heap, *slab, kNeverEnds);
    link(heap, *slab);
    armPartial(heap, *slab);
  }
  drainInbox(heap);
  dropKept(heap);
}

void dropKept(Heap& heap) noexcept {
  for (std::uint8_t c = 0; c < kClasses && heap.keptGranules != 0; ++c) {
    const pages::Granule only = heap.partial[c];
    if (only == pages::kNoGranule || !slabAt(only)->kept) continue;
    Slab& slab = *slabAt(only);
    unlink(heap, slab);
    endSlab(heap, slab);
  }
  if (heap.stock.count != 0) pages::releaseSmall(heap.stock.granules, heap.stock.count);
  heap.stock.count = 0;
  heap.stock.refills = 0;
}

}  // namespace heapprof::heap

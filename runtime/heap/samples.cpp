#include "runtime/heap/samples.h"

#include "runtime/heap/size_classes.h"
#include "runtime/heap/slab_map.h"
#include "runtime/meta/meta_memory.h"
#include "runtime/sampling/slab_list.h"

namespace heapprof::heap {
namespace {

constexpr std::uint32_t kListed = 8;
constexpr std::uint32_t kHashed = 0x80000000u;
constexpr std::size_t kFirstCapacity = 1024;
// A heap of more than this has pushed a list out of the caches by the time that it is looked through.
constexpr double kCacheBytes = 8 << 20;

// Address to record, linear probing; grows at two thirds. Old tables stay behind in metadata memory: with
// doubling they sum up to less than the one in use.
class HashTable {
 public:
  bool insert(const void* key, sampling::RecordId id) noexcept {
    if ((count_ + 1) * 3 > capacity_ * 2 && !grow()) return false;
    std::size_t at = slotOf(key);
    while (entries_[at].key != nullptr) at = (at + 1) & (capacity_ - 1);
    entries_[at] = {key, id};
    ++count_;
    return true;
  }
  sampling::RecordId* find(const void* key) noexcept {
    if (capacity_ == 0) return nullptr;
    for (std::size_t at = slotOf(key); entries_[at].key != nullptr; at = (at + 1) & (capacity_ - 1)) {
      if (entries_[at].key == key) return &entries_[at].id;
    }
    return nullptr;
  }
  // Closes the gap, so that no tombstones are needed.
  void erase(sampling::RecordId* id) noexcept {
    std::size_t gap = static_cast<std::size_t>(
        reinterpret_cast<Entry*>(reinterpret_cast<char*>(id) - offsetof(Entry, id)) - entries_);
    const std::size_t mask = capacity_ - 1;
    for (std::size_t at = (gap + 1) & mask; entries_[at].key != nullptr; at = (at + 1) & mask) {
      const std::size_t home = slotOf(entries_[at].key);
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      entries_[gap] = entries_[at];
      gap = at;
    }
    entries_[gap] = {};
    --count_;
  }

 private:
  struct Entry {
    const void* key;
    sampling::RecordId id;
  };
  std::size_t slotOf(const void* key) const noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(key) >> 3;
    return (address * 0x9e3779b97f4a7c15u >> 20) & (capacity_ - 1);
  }
  bool grow() noexcept {
    const std::size_t capacity = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
    auto* fresh = static_cast<Entry*>(meta::allocate(meta::Purpose::kSampler, capacity * sizeof(Entry), 64));
    if (fresh == nullptr) return false;
    Entry* old = entries_;
    const std::size_t oldCapacity = capacity_;
    entries_ = fresh;
    capacity_ = capacity;
    count_ = 0;
    for (std::size_t i = 0; i < oldCapacity; ++i) {
      if (old[i].key != nullptr) insert(old[i].key, old[i].id);
    }
    return true;
  }

  Entry* entries_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t count_ = 0;
};

using sampling::Lane;

constinit HashTable tables[sampling::kLanes];  // each guarded by the lock of the lane of its number

Lane& laneOf(const Slab* slab) noexcept {
  Lane* lane = &sampling::lanes[(reinterpret_cast<std::uintptr_t>(slab) / sizeof(Slab)) % sampling::kLanes];
  __asm__("" : "+r"(lane));  // found once: compilers else find it again for each of its fields
  return *lane;
}

HashTable& tableOf(const Lane& lane) noexcept {
  return tables[&lane - sampling::lanes];
}

// One reading of the clock for however many deaths are noticed at once; none where there are none.
class Clock {
 public:
  explicit Clock(std::uint64_t nanos = 0) noexcept : nanos_(nanos) {}
  std::uint64_t now() noexcept { return nanos_ != 0 ? nanos_ : nanos_ = sampling::now(); }

 private:
  std::uint64_t nanos_;
};

// The granule that the object starts in, whose filter its owner's free asks; the slab's first has the bits of
// all.
Slab& granuleOfObject(Slab& slab, const void* object) noexcept {
  return slab.kind == SlabKind::kSlab ? *findSlab(object) : slab;
}

// The first granule's comes last: once it is 0 the owner takes no lock any more, and may end the slab, so
// nothing of the slab is touched after that. release: pairs with the acquire in holdsSamples().
void setFilters(Slab& slab, std::uint64_t bits) noexcept {
  if (slab.kind == SlabKind::kSlab) {
    const pages::Granule first = granuleOf(&slab);
    for (std::uint32_t i = 1; i < slab.granules; ++i) {
      slabAt(first + i)->filter.store(bits, std::memory_order_release);
    }
  }
  slab.filter.store(bits, std::memory_order_release);
}

[[gnu::always_inline]] inline void addToFilters(Slab& slab, const void* object) noexcept {
  const std::uint64_t bit = filterBit(object);
  Slab& own = granuleOfObject(slab, object);
  if (&own != &slab) {
    own.filter.store(own.filter.load(std::memory_order_relaxed) | bit, std::memory_order_release);
  }
  slab.filter.store(slab.filter.load(std::memory_order_relaxed) | bit, std::memory_order_release);
}

// release: pairs with the acquire in forgetSample(), which looks without the lock.
void setSamples(Slab& slab, std::uint32_t samples) noexcept {
  std::atomic_ref<std::uint32_t>(slab.samples).store(samples, std::memory_order_release);
}

std::uint32_t listLength(const Slab& slab) noexcept {
  std::uint32_t length = 0;
  for (sampling::RecordId at = slab.samples; at != 0; at = sampling::nextInSlab(at)) ++length;
  return length;
}

// False: no memory for it; then the list stays and grows long.
bool moveToTable(HashTable& table, Slab& slab) noexcept {
  std::uint32_t moved = 0;
  for (sampling::RecordId at = slab.samples; at != 0; at = sampling::nextInSlab(at), ++moved) {
    if (table.insert(sampling::addressOf(at), at)) continue;
    for (sampling::RecordId undo = slab.samples; undo != at; undo = sampling::nextInSlab(undo)) {
      table.erase(table.find(sampling::addressOf(undo)));
    }
    return false;
  }
  setSamples(slab, kHashed | moved);
  setFilters(slab, ~std::uint64_t{0});
  return true;
}

// Small slabs.
bool canBeWatched(const Slab& slab) noexcept {
  const std::uint64_t owner = slab.owner.load(std::memory_order_relaxed);
  return (owner & kMediumOwner) == 0 && owner != 0;
}

// Lock held, and the slab holds a sample or an object that lives: nobody else writes its owner.
void watch(Slab& slab) noexcept {
  const std::uint64_t owner = slab.owner.load(std::memory_order_relaxed);
  slab.owner.store(owner | kWatchedOwner, std::memory_order_relaxed);
}
void watchNoMore(Slab& slab) noexcept {
  const std::uint64_t owner = slab.owner.load(std::memory_order_relaxed);
  if ((owner & kWatchedOwner) != 0) slab.owner.store(owner & ~kWatchedOwner, std::memory_order_relaxed);
}

bool link(Lane& lane, Slab& slab, const void* object, sampling::RecordId id) noexcept {
  if ((slab.samples & kHashed) == 0 && listLength(slab) >= kListed) moveToTable(tableOf(lane), slab);
  if ((slab.samples & kHashed) != 0) {
    if (!tableOf(lane).insert(object, id)) return false;
    setSamples(slab, slab.samples + 1);
    return true;
  }
  sampling::setNextInSlab(id, slab.samples);
  setSamples(slab, id);
  addToFilters(slab, object);
  return true;
}

// What was taken out; wasLast: it was the slab's last sample, and the slab must not be touched again
// (setFilters).
struct Unlinked {
  sampling::RecordId id;
  bool wasLast;
};

Unlinked unlinkFromTable(Lane& lane, Slab& slab, const void* object) noexcept {
  sampling::RecordId* const found = tableOf(lane).find(object);
  if (found == nullptr) return {0, false};
  const sampling::RecordId id = *found;
  tableOf(lane).erase(found);
  setSamples(slab, slab.samples - 1);
  if (slab.samples != kHashed) return {id, false};
  setSamples(slab, 0);
  watchNoMore(slab);
  setFilters(slab, 0);
  return {id, true};
}

// One walk finds the sample, what is before it, and what the others leave in the filters.
Unlinked unlinkFromList(Slab& slab, const void* object) noexcept {
  Slab& own = granuleOfObject(slab, object);
  sampling::RecordId found = 0;
  sampling::RecordId before = 0;
  std::uint64_t bits = 0;
  std::uint64_t ownBits = 0;
  for (sampling::RecordId at = slab.samples, previous = 0; at != 0;
       previous = at, at = sampling::nextInSlab(at)) {
    const void* const other = sampling::addressOf(at);
    if (other == object) {
      found = at;
      before = previous;
      continue;
    }
    bits |= filterBit(other);
    if (&granuleOfObject(slab, other) == &own) ownBits |= filterBit(other);
  }
  if (found == 0) return {0, false};
  const sampling::RecordId next = sampling::nextInSlab(found);
  if (before == 0) {
    setSamples(slab, next);
    if (next == 0) watchNoMore(slab);
  } else {
    sampling::setNextInSlab(before, next);
  }
  if (&own != &slab) own.filter.store(ownBits, std::memory_order_release);
  slab.filter.store(bits, std::memory_order_release);
  return {found, bits == 0};
}

Unlinked unlink(Lane& lane, Slab& slab, const void* object) noexcept {
  return (slab.samples & kHashed) != 0 ? unlinkFromTable(lane, slab, object) : unlinkFromList(slab, object);
}

// True: it was the slab's last sample, as in Unlinked.
bool forgetLocked(Lane& lane, Slab& slab, const void* object, Clock& clock) noexcept {
  const Unlinked dead = unlink(lane, slab, object);
  if (dead.id != 0) sampling::forget(lane, dead.id, clock.now());
  return dead.wasLast;
}
[[gnu::noinline]] void forgetAmongOthers(Lane& lane, Slab& slab, const void* object,
                                         std::uint64_t nanos) noexcept {
  Clock clock(nanos);
  forgetLocked(lane, slab, object, clock);
}

// Lock held. Stops with the last sample: from then on the owner may take the list without the lock.
void forgetListed(Lane& lane, Slab& slab, void* head, std::uint32_t most) noexcept {
  Clock clock;
  for (void* at = head; at != nullptr && most != 0; --most) {
    void* next = nextObject(at);
    if (mayBeSampled(&slab, at) && forgetLocked(lane, slab, at, clock)) return;
    at = next;
  }
}

// acquire: pairs with pushLocal, so that the links of what is listed are seen. Others push meanwhile; what
// was listed stays as it is while the lock is held.
void settle(Slab& slab) noexcept {
  Lane& lane = laneOf(&slab);
  const sampling::LockGuard guard(lane.lock);
  if (!holdsSamples(slab) || slab.kind != SlabKind::kSlab) return;
  void* head = std::atomic_ref<void*>(slab.localFree).load(std::memory_order_acquire);
  forgetListed(lane, slab, head, slab.capacity);
}

}  // namespace

void addSample(Slab* slab, const sampling::Allocation& allocation, const void* frame, bool watched) noexcept {
  Lane& lane = laneOf(slab);
  sampling::SiteNode* site = sampling::siteHere(lane, allocation, frame);
  if (site == nullptr) return;
  const std::uint64_t now = sampling::clockNanos();
  const sampling::LockGuard guard(lane.lock);
  const sampling::RecordId id = sampling::recordHere(lane, allocation, site, now);
  if (id == 0) return;
  if (slab->samples == 0) [[likely]] {
    if (canBeWatched(*slab) && (watched || sampling::liveBytesEstimate() >= kCacheBytes)) watch(*slab);
    setSamples(*slab, id);
    addToFilters(*slab, allocation.address);
  } else if (!link(lane, *slab, allocation.address, id)) {
    sampling::lose(lane, id);
  }
}

// Taking the lock waits for all that the program has written: meanwhile the clock is read, and what the death
// will need is looked at and fetched. Most samples are their slab's only one, and then nothing is left to be
// found out: the record is the object's until this very death.
void forgetSample(Slab* slab, const void* object) noexcept {
  Lane& lane = laneOf(slab);
  // acquire: pairs with setSamples(), so that the record's segment is there.
  const sampling::RecordId first =
      std::atomic_ref<sampling::RecordId>(slab->samples).load(std::memory_order_acquire);
  sampling::Death death = {};
  std::uint64_t now = 0;
  if (first != 0 && (first & kHashed) == 0) [[likely]] {
    sampling::RecordSlot& slot = sampling::records.slot(first);
    if (sampling::addressOf(slot) == object) [[likely]] {
      now = sampling::clockNanos();
      death = sampling::lookAt(slot, now);
    }
  }
  const sampling::LockGuard guard(lane.lock);
  if (death.site == nullptr || slab->samples != first ||
      death.slot->next.load(std::memory_order_relaxed) != 0 || sampling::addressOf(*death.slot) != object) {
    return forgetAmongOthers(lane, *slab, object, now);
  }
  Slab& own = granuleOfObject(*slab, object);
  setSamples(*slab, 0);
  watchNoMore(*slab);
  if (&own != slab) own.filter.store(0, std::memory_order_release);
  slab->filter.store(0, std::memory_order_release);
  sampling::forgetHere(lane, first, death);
}

void noticeFrees(Slab& slab, std::uint32_t newest) noexcept {
  Lane& lane = laneOf(&slab);
  const sampling::LockGuard guard(lane.lock);
  forgetListed(lane, slab, slab.localFree, newest);
}

void* detachFrees(Slab& slab, std::uint32_t newest) noexcept {
  Lane& lane = laneOf(&slab);
  const sampling::LockGuard guard(lane.lock);
  forgetListed(lane, slab, slab.localFree, newest);
  void* head = slab.localFree;
  slab.localFree = nullptr;
  return head;
}

void settleSamples() noexcept {
  for (std::size_t r = 0; r < pages::regionCount(); ++r) {
    const pages::Region& region = pages::regionAt(r);
    const pages::Granule end = region.first + region.committed.load(std::memory_order_acquire);
    for (pages::Granule at = region.first; at < end; ++at) {
      Slab* slab = slabAt(at);
      if (listMayHoldSamples(*slab)) settle(*slab);
    }
  }
}

bool resizeSample(Slab* slab, const void* object, std::size_t requested, std::size_t allocated,
                  base::Random& random) noexcept {
  Lane& lane = laneOf(slab);
  const sampling::LockGuard guard(lane.lock);
  const bool watched = (slab->owner.load(std::memory_order_relaxed) & kWatchedOwner) != 0;
  // The record is unlinked first: a sample that is thinned away is gone when resize returns.
  const sampling::RecordId id = unlink(lane, *slab, object).id;
  if (id == 0) return false;
  const sampling::RecordId stays = sampling::resize(lane, id, requested, allocated, random);
  if (stays != 0) {
    if (slab->samples == 0 && watched) watch(*slab);
    if (!link(lane, *slab, object, stays)) sampling::lose(lane, stays);
  }
  return true;
}

void lockSamples() noexcept {
  sampling::lockTables();
}
void unlockSamples() noexcept {
  sampling::unlockTables();
}
void resetSampleLocks() noexcept {
  sampling::resetTableLocks();
}

}  // namespace heapprof::heap

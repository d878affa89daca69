#include "runtime/heap/samples.h"

#include "runtime/base/mutex.h"
#include "runtime/heap/size_classes.h"
#include "runtime/heap/slab_map.h"
#include "runtime/meta/meta_memory.h"

namespace heapprof::heap {
namespace {

constexpr std::uint32_t kListed = 8;
constexpr std::uint32_t kHashed = 0x80000000u;
constexpr std::size_t kStripes = 64;
constexpr std::size_t kFirstCapacity = 1024;

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

struct alignas(64) Stripe {
  base::Mutex lock;
  HashTable table;  // guarded by lock
};
constinit Stripe stripes[kStripes];

Stripe& stripeOf(const Slab* slab) noexcept {
  return stripes[(reinterpret_cast<std::uintptr_t>(slab) / sizeof(Slab)) % kStripes];
}

// The first granule's comes last: once it is 0 the owner takes no lock any more, and may end the slab, so
// nothing of the slab is touched after that. release: pairs with the acquire in holdsSamples().
void setFilter(Slab& slab, std::uint64_t bits) noexcept {
  if (slab.kind == SlabKind::kSlab) {
    const pages::Granule first = granuleOf(&slab);
    for (std::uint32_t i = 1; i < slab.granules; ++i) {
      slabAt(first + i)->filter.store(bits, std::memory_order_release);
    }
  }
  slab.filter.store(bits, std::memory_order_release);
}

void refilter(Slab& slab) noexcept {
  std::uint64_t bits = 0;
  for (sampling::RecordId at = slab.samples; at != 0; at = sampling::nextInSlab(at)) {
    bits |= filterBit(sampling::addressOf(at));
  }
  setFilter(slab, bits);
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
  slab.samples = kHashed | moved;
  setFilter(slab, ~std::uint64_t{0});
  return true;
}

void setWatched(Slab& slab, bool watched) noexcept {
  if (slab.kind != SlabKind::kSlab || isMedium(slab.sizeClass)) return;
  if (watched) {
    slab.owner.fetch_or(kWatchedOwner, std::memory_order_relaxed);
  } else {
    slab.owner.fetch_and(~kWatchedOwner, std::memory_order_relaxed);
  }
}

bool link(Stripe& stripe, Slab& slab, const void* object, sampling::RecordId id, bool watch) noexcept {
  if (slab.samples == 0 && watch) setWatched(slab, true);
  if ((slab.samples & kHashed) == 0 && listLength(slab) >= kListed) moveToTable(stripe.table, slab);
  if ((slab.samples & kHashed) != 0) {
    if (!stripe.table.insert(object, id)) return false;
    ++slab.samples;
    return true;
  }
  sampling::setNextInSlab(id, slab.samples);
  slab.samples = id;
  setFilter(slab, slab.filter.load(std::memory_order_relaxed) | filterBit(object));
  return true;
}

sampling::RecordId find(Stripe& stripe, const Slab& slab, const void* object) noexcept {
  if ((slab.samples & kHashed) != 0) {
    const sampling::RecordId* id = stripe.table.find(object);
    return id == nullptr ? 0 : *id;
  }
  sampling::RecordId at = slab.samples;
  while (at != 0 && sampling::addressOf(at) != object) at = sampling::nextInSlab(at);
  return at;
}

void takeOutOfList(Slab& slab, sampling::RecordId id) noexcept {
  if (slab.samples == id) {
    slab.samples = sampling::nextInSlab(id);
    return;
  }
  sampling::RecordId before = slab.samples;
  while (sampling::nextInSlab(before) != id) before = sampling::nextInSlab(before);
  sampling::setNextInSlab(before, sampling::nextInSlab(id));
}

// True: it was the slab's last sample, and the slab must not be touched again (setFilter).
bool unlink(Stripe& stripe, Slab& slab, const void* object, sampling::RecordId id) noexcept {
  if ((slab.samples & kHashed) != 0) {
    stripe.table.erase(stripe.table.find(object));
    if (--slab.samples != kHashed) return false;
    slab.samples = 0;
  } else {
    takeOutOfList(slab, id);
  }
  const bool wasLast = slab.samples == 0;
  if (wasLast) setWatched(slab, false);
  refilter(slab);
  return wasLast;
}

// True: as unlink().
bool forgetLocked(Stripe& stripe, Slab& slab, const void* object) noexcept {
  const sampling::RecordId id = find(stripe, slab, object);
  if (id == 0) return false;
  const bool wasLast = unlink(stripe, slab, object, id);
  sampling::forget(id);
  return wasLast;
}

// Lock held. Stops with the last sample: from then on the owner may take the list without the lock.
void forgetListed(Stripe& stripe, Slab& slab, void* head, std::uint32_t most) noexcept {
  for (void* at = head; at != nullptr && most != 0; --most) {
    void* next = nextObject(at);
    if (mayBeSampled(&slab, at) && forgetLocked(stripe, slab, at)) return;
    at = next;
  }
}

// acquire: pairs with pushLocal, so that the links of what is listed are seen. Others push meanwhile; what
// was listed stays as it is while the lock is held.
void settle(Slab& slab) noexcept {
  Stripe& stripe = stripeOf(&slab);
  base::MutexGuard guard(stripe.lock);
  if (!holdsSamples(slab) || slab.kind != SlabKind::kSlab) return;
  void* head = std::atomic_ref<void*>(slab.localFree).load(std::memory_order_acquire);
  forgetListed(stripe, slab, head, slab.capacity);
}

}  // namespace

void addSample(Slab* slab, const sampling::Allocation& allocation, const void* frame, bool watch) noexcept {
  const sampling::RecordId id = sampling::record(allocation, frame);
  if (id == 0) return;
  Stripe& stripe = stripeOf(slab);
  bool linked = false;
  {
    base::MutexGuard guard(stripe.lock);
    linked = link(stripe, *slab, allocation.address, id, watch);
  }
  if (!linked) sampling::lose(id);
}

void forgetSample(Slab* slab, const void* object) noexcept {
  Stripe& stripe = stripeOf(slab);
  base::MutexGuard guard(stripe.lock);
  forgetLocked(stripe, *slab, object);
}

void noticeFrees(Slab& slab, std::uint32_t newest) noexcept {
  Stripe& stripe = stripeOf(&slab);
  base::MutexGuard guard(stripe.lock);
  forgetListed(stripe, slab, slab.localFree, newest);
}

void* detachFrees(Slab& slab, std::uint32_t newest) noexcept {
  Stripe& stripe = stripeOf(&slab);
  base::MutexGuard guard(stripe.lock);
  forgetListed(stripe, slab, slab.localFree, newest);
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
  Stripe& stripe = stripeOf(slab);
  base::MutexGuard guard(stripe.lock);
  const sampling::RecordId id = find(stripe, *slab, object);
  if (id == 0) return false;
  const bool watch = (slab->owner.load(std::memory_order_relaxed) & kWatchedOwner) != 0;
  // The record is unlinked first: a sample that is thinned away is gone when resize returns.
  unlink(stripe, *slab, object, id);
  const sampling::RecordId stays = sampling::resize(id, requested, allocated, random);
  if (stays != 0) {
    if (!link(stripe, *slab, object, stays, watch)) sampling::lose(stays);
  }
  return true;
}

void lockSamples() noexcept {
  for (Stripe& stripe : stripes) stripe.lock.lock();
}
void unlockSamples() noexcept {
  for (Stripe& stripe : stripes) stripe.lock.unlock();
}
void resetSampleLocks() noexcept {
  for (Stripe& stripe : stripes) stripe.lock.reset();
}

}  // namespace heapprof::heap

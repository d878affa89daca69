// The way from a slab to the records of its samples, and what a birth and a death do to them: inline, for the
// heap, which calls them at one place each under the lane's lock.
//
// Invariant: records of one slab are chained through RecordSlot::next; the heap keeps the head. A step costs
// the record's cache line, and nothing else. A record is its object's from birth to death, and changes
// meanwhile only in a realloc. Threads: the caller holds the lane's lock, but for lookAt().
#pragma once

#include "runtime/os/os.h"
#include "runtime/sampling/clock.h"
#include "runtime/sampling/record_table.h"
#include "runtime/sampling/site_table.h"

namespace heapprof::sampling {

// The process's, in sampler.cpp.
extern RecordTable records;
extern SiteTable sites;

inline RecordId nextInSlab(RecordId id) noexcept {
  return records.slot(id).next.load(std::memory_order_relaxed);
}
inline void setNextInSlab(RecordId id, RecordId next) noexcept {
  records.slot(id).next.store(next, std::memory_order_relaxed);
}
inline const void* addressOf(const RecordSlot& slot) noexcept {
  return reinterpret_cast<const void*>(slot.address.load(std::memory_order_relaxed));
}
inline const void* addressOf(RecordId id) noexcept {
  return addressOf(records.slot(id));
}

// A lane that gives back as much as it takes needs no other's records.
inline constexpr std::uint32_t kMostStocked = 8;

// siteOf(), and what of it comes after a record is known to be had.
extern std::atomic<std::uint32_t> depth;  // of the stacks that are taken
SiteNode* siteOfUnknown(const Allocation& allocation, const void* frame, Recognised known) noexcept;
[[gnu::always_inline]] inline SiteNode* siteOfStack(const Allocation& allocation,
                                                    const void* frame) noexcept {
  const Recognised known = recogniseStack(frame, depth.load(std::memory_order_relaxed));
  if (known.stack != nullptr) [[likely]] {
    SiteNode* const site = SiteTable::known(known, allocation.allocated, allocation.kind);
    if (site != nullptr) [[likely]]
      return site;
  }
  return siteOfUnknown(allocation, frame, known);
}
[[gnu::always_inline]] inline SiteNode* siteHere(const Lane& lane, const Allocation& allocation,
                                                 const void* frame) noexcept {
  if (lane.stocked.load(std::memory_order_relaxed) == 0) [[unlikely]]
    return siteOf(lane, allocation, frame);
  return siteOfStack(allocation, frame);
}

RecordId takeFromTable() noexcept;
void countLost(std::uint64_t recordInterval) noexcept;

[[gnu::always_inline]] inline void giveRecord(Lane& lane, RecordId id, RecordSlot& slot) noexcept {
  addHeld(lane.gone, std::uint64_t{1});
  RecordTable::clear(slot);
  const std::uint32_t stocked = lane.stocked.load(std::memory_order_relaxed);
  if (stocked == kMostStocked) [[unlikely]]
    return records.giveFree(id);
  slot.next.store(lane.stock, std::memory_order_relaxed);
  lane.stock = id;
  lane.stocked.store(stocked + 1, std::memory_order_relaxed);
}

// record(). The site comes first: its lock waits for what was written, and so far that is little.
[[gnu::always_inline]] inline RecordId recordHere(Lane& lane, const Allocation& allocation, SiteNode* site,
                                                  std::uint64_t bornNanos) noexcept {
  RecordId id = lane.stock;
  if (id == 0) [[unlikely]] {
    id = takeFromTable();
    if (id == 0) return countLost(allocation.interval), 0;
    lane.stocked.store(1, std::memory_order_relaxed);
    records.slot(id).next.store(0, std::memory_order_relaxed);
  }
  RecordSlot& slot = records.slot(id);
  lane.stock = slot.next.load(std::memory_order_relaxed);
  addHeld(lane.stocked, ~std::uint32_t{0});
  const auto threadId = static_cast<std::uint32_t>(os::threadId());
  addHeld(lane.born, std::uint64_t{1});
  sites.born(*site, {allocation.requested, allocation.interval}, bornNanos);
  slot.next.store(0, std::memory_order_relaxed);
  RecordTable::write(slot, {
                               .address = reinterpret_cast<std::uintptr_t>(allocation.address),
                               .requested = allocation.requested,
                               .allocated = allocation.allocated,
                               .interval = allocation.interval,
                               .bornNanos = bornNanos,
                               .site = site,
                               .threadId = threadId,
                               .kind = allocation.kind,
                               // a power of two, or 0
                               .alignmentLog2 = static_cast<std::uint8_t>(
                                   63u ^ static_cast<unsigned>(__builtin_clzll(allocation.alignment | 1))),
                           });
  return id;
}

// What the death of a record's object will write, brought towards the caches. Any lock or none; `site` is
// null where the record was nobody's at that moment.
struct Death {
  RecordSlot* slot;
  SiteNode* site;
  SampledObject object;
  std::atomic<std::uint32_t>* lifetime;
};
[[gnu::always_inline]] inline Death lookAt(RecordSlot& slot, std::uint64_t diedNanos) noexcept {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  SiteNode* const site = slot.site.load(kRelaxed);
  if (site == nullptr) [[unlikely]]
    return {&slot, nullptr, {0, 0}, nullptr};
  const std::uint64_t born = slot.bornNanos.load(kRelaxed);
  std::atomic<std::uint32_t>* const lifetime =
      &site->lifetime[lifetimeBucket(diedNanos > born ? diedNanos - born : 0)];
  __builtin_prefetch(&site->born, 1);
  __builtin_prefetch(lifetime, 1);
  return {&slot, site, {slot.requested.load(kRelaxed), slot.interval.load(kRelaxed)}, lifetime};
}

// forget(). The record is the one that was looked at.
[[gnu::always_inline]] inline void forgetHere(Lane& lane, RecordId id, const Death& death) noexcept {
  sites.goneHere(*death.site, death.object, Departure::kDied, death.lifetime);
  giveRecord(lane, id, *death.slot);
}

}  // namespace heapprof::sampling

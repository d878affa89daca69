// Records of live samples: numbered slots of one cache line, in segments that double and never move.
//
//   0        4        8         16          24          32         40       48      56      60   61   62
//   +--------+--------+---------+-----------+-----------+----------+--------+-------+-------+----+----+--+
//   |version | next   | address | requested | allocated | interval | born   | site  |thread |kind|algn|  |
//   +--------+--------+---------+-----------+-----------+----------+--------+-------+-------+----+----+--+
//
// Invariant: version is odd while a writer is inside; site is null in a free slot. `next` chains a slab's
// records while the slot is taken and the free list while it is not. A slot has one writer at a time: who
// took it, then who holds its slab's lock. Threads: take() and give() are lock-free; read() is a checked copy
// and never waits for a writer.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/base/mutex.h"
#include "runtime/sampling/sampler.h"

namespace heapprof::sampling {

struct SiteNode;

struct RecordFields {
  std::uint64_t address, requested, allocated, interval, bornNanos;
  SiteNode* site;
  std::uint32_t threadId;
  Kind kind;
  std::uint8_t alignmentLog2;  // 0: none asked for
};

struct alignas(64) RecordSlot {
  std::atomic<std::uint32_t> version;
  std::atomic<RecordId> next;
  std::atomic<std::uint64_t> address, requested, allocated, interval, bornNanos;
  std::atomic<SiteNode*> site;
  std::atomic<std::uint32_t> threadId;
  std::atomic<Kind> kind;
  std::atomic<std::uint8_t> alignmentLog2;
};
static_assert(sizeof(RecordSlot) == 64);

class RecordTable {
 public:
  constexpr RecordTable() noexcept = default;

  // A free slot, not yet visible to readers; 0 when the kernel refuses memory.
  RecordId take() noexcept;
  // The slot becomes invisible; then it may be given back, or kept by its owner for the next record.
  static void clear(RecordSlot& slot) noexcept;
  void giveFree(RecordId id) noexcept;
  void give(RecordId id) noexcept {
    clear(slot(id));
    giveFree(id);
  }

  static void write(RecordSlot& slot, const RecordFields& fields) noexcept;
  void write(RecordId id, const RecordFields& fields) noexcept { write(slot(id), fields); }
  // For the slot's one writer: no check needed.
  RecordFields own(RecordId id) const noexcept;
  // False when the slot is free or a writer kept being inside.
  bool read(RecordId id, RecordFields* out) const noexcept;

  RecordSlot& slot(RecordId id) const noexcept {
    const std::uint64_t number = numberOf(id);
    // acquire: pairs with the release in ensureSegment()
    const std::uintptr_t from = segments_[segmentOf(number)].load(std::memory_order_acquire);
    return *reinterpret_cast<RecordSlot*>(from + number * sizeof(RecordSlot));
  }

  RecordId end() const noexcept { return carved_.load(std::memory_order_acquire); }  // ids are below
  // True while a take() would need memory beyond what was carved: the moment to look at the cap.
  bool freeListEmpty() const noexcept {
    return static_cast<RecordId>(freeHead_.load(std::memory_order_relaxed)) == 0;
  }
  std::size_t carvedBytes() const noexcept { return std::size_t{end()} * sizeof(RecordSlot); }
  base::Mutex& growthLock() noexcept { return growth_; }

 private:
  static constexpr unsigned kFirstBits =
      10;  // segment 0 holds 1024 slots, each further one twice its predecessor
  static constexpr unsigned kSegments = 32 - kFirstBits;
  // Counting from 2^kFirstBits, segment k begins at 2^(kFirstBits+k).
  static std::uint64_t numberOf(RecordId id) noexcept {
    return std::uint64_t{id} + (std::uint64_t{1} << kFirstBits);
  }
  static unsigned segmentOf(std::uint64_t number) noexcept {
    return (63u ^ static_cast<unsigned>(__builtin_clzll(number))) - kFirstBits;
  }
  RecordId popFree() noexcept;
  bool ensureSegment(unsigned segment) noexcept;

  std::atomic<std::uint64_t> freeHead_{0};  // tag << 32 | id: the tag makes a reused head differ
  std::atomic<RecordId> carved_{1};         // id 0 is "none"
  base::Mutex growth_;
  // Where the slot of number 0 would lie; 0: no memory yet.
  std::atomic<std::uintptr_t> segments_[kSegments] = {};
};

// Fields are stored with release and read with acquire: a reader that sees one of a write's fields also sees
// the odd version stored before it. (The form of a sequence lock that needs no fences, which the thread
// sanitizer cannot see.)
inline void RecordTable::clear(RecordSlot& slot) noexcept {
  const std::uint32_t version = slot.version.load(std::memory_order_relaxed);
  slot.version.store(version + 1, std::memory_order_relaxed);
  slot.site.store(nullptr, std::memory_order_release);
  slot.version.store(version + 2, std::memory_order_release);  // pairs with the acquire load in read()
}

[[gnu::always_inline]] inline void RecordTable::write(RecordSlot& slot, const RecordFields& fields) noexcept {
  constexpr auto kRelease = std::memory_order_release;
  const std::uint32_t version = slot.version.load(std::memory_order_relaxed);
  slot.version.store(version + 1, std::memory_order_relaxed);
  slot.address.store(fields.address, kRelease);
  slot.requested.store(fields.requested, kRelease);
  slot.allocated.store(fields.allocated, kRelease);
  slot.interval.store(fields.interval, kRelease);
  slot.bornNanos.store(fields.bornNanos, kRelease);
  slot.site.store(fields.site, kRelease);
  slot.threadId.store(fields.threadId, kRelease);
  slot.kind.store(fields.kind, kRelease);
  slot.alignmentLog2.store(fields.alignmentLog2, kRelease);
  slot.version.store(version + 2, kRelease);  // pairs with the acquire load in read()
}

}  // namespace heapprof::sampling

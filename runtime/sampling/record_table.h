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
#include <bit>
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
  void clear(RecordId id) noexcept;
  void giveFree(RecordId id) noexcept;
  void give(RecordId id) noexcept {
    clear(id);
    giveFree(id);
  }

  void write(RecordId id, const RecordFields& fields) noexcept;
  // For the slot's one writer: no check needed.
  RecordFields own(RecordId id) const noexcept;
  // False when the slot is free or a writer kept being inside.
  bool read(RecordId id, RecordFields* out) const noexcept;

  RecordSlot& slot(RecordId id) const noexcept {
    const Place place = placeOf(id);
    return segments_[place.segment].load(std::memory_order_acquire)[place.offset];
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
  struct Place {
    unsigned segment;
    std::size_t offset;
  };
  // Counting from 2^kFirstBits, segment k begins at 2^(kFirstBits+k).
  static Place placeOf(RecordId id) noexcept {
    const std::uint64_t shifted = std::uint64_t{id} + (std::uint64_t{1} << kFirstBits);
    const auto top = static_cast<unsigned>(std::bit_width(shifted)) - 1;
    return {top - kFirstBits, static_cast<std::size_t>(shifted - (std::uint64_t{1} << top))};
  }
  RecordId popFree() noexcept;
  bool ensureSegment(unsigned segment) noexcept;

  std::atomic<std::uint64_t> freeHead_{0};  // tag << 32 | id: the tag makes a reused head differ
  std::atomic<RecordId> carved_{1};         // id 0 is "none"
  base::Mutex growth_;
  std::atomic<RecordSlot*> segments_[kSegments] = {};
};

}  // namespace heapprof::sampling

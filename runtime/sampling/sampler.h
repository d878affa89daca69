// The sampler, seen from the heap: when the next sample is due, and what to do with one.
//
// Invariant: an object of allocated size s is sampled with probability p(s) = 1 - exp(-s/T), independently of
// all others, T being the interval in force when its stream was drawn; its record keeps T, so its weight
// 1/p(s) is exact whatever T becomes later. Records and stacks live in metadata memory only: nothing here
// calls the allocator. Threads: every function may be called from any thread; a Stream belongs to the thread
// that holds its heap.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/base/random.h"
#include "runtime/sampling/lock.h"

namespace heapprof::sampling {

enum class Kind : std::uint8_t {
  kUnknown,
  kMalloc,
  kCalloc,
  kRealloc,
  kMemalign,
  kNew,
  kNewArray,
  kNewAligned
};  // = AllocationKind in heap_snapshot.proto

inline constexpr std::uint64_t kNever = ~std::uint64_t{0};
// A terabyte. Gaps stay below 2^43 objects, whole numbers in a double and far from kNever.
inline constexpr std::uint64_t kLargestInterval = std::uint64_t{1} << 40;

// 0: off. Changed by start/stop/set interval and by the record cap; read by refills. At most
// kLargestInterval: more is taken for that.
std::uint64_t intervalBytes() noexcept;
void setIntervalBytes(std::uint64_t bytes) noexcept;

// Objects of `size` to hand out before the one that is sampled: Geometric(p), 0 means the next one. kNever
// when off.
std::uint64_t objectsUntilSample(base::Random& random, std::size_t size, std::uint64_t interval) noexcept;

// For sizes that take the slow path anyway: true with probability p(size).
bool drawLarge(base::Random& random, std::size_t size, std::uint64_t interval) noexcept;

// A live sample. RecordId 0 is "none".
using RecordId = std::uint32_t;

struct Allocation {
  void* address;
  std::size_t requested;
  std::size_t allocated;
  std::size_t alignment;  // 0: none asked for
  Kind kind;
  std::uint64_t interval;  // in force at its draw
};

// What a sample's birth and its death write besides its record and its site, on the cache line of the lock
// that both take anyway: a few free records, and counts. Which lane a sample is in is the heap's choice, and
// the same at its death. Everything is guarded by the lock; the atomics are also read without.
struct alignas(64) Lane {
  Lock lock;
  std::atomic<std::uint32_t> stocked;  // records in `stock`, a list through RecordSlot::next
  RecordId stock;
  std::atomic<std::uint64_t> born, gone;
};
inline constexpr std::size_t kLanes = 64;
extern Lane lanes[kLanes];

struct SiteNode;

// Takes the caller's stack and interns it. `frame` is __builtin_frame_address(0) of the public entry
// function: frames of ours above it are dropped. Null when memory for records is used up (counted as lost).
// Never allocates, never blocks on a lock that a thread inside malloc could hold; no lane's lock may be held.
// errno is preserved.
SiteNode* siteOf(const Lane& lane, const Allocation& allocation, const void* frame) noexcept;

// What the live samples say is live, in bytes; up to date within a sample or two.
double liveBytesEstimate() noexcept;

// The clock of births and deaths, monotonic nanoseconds.
std::uint64_t now() noexcept;

// From here on the lane's lock is held. Makes the record; 0: no memory for it (counted as lost).
RecordId record(Lane& lane, const Allocation& allocation, SiteNode* site, std::uint64_t bornNanos) noexcept;

// The object died, or was moved.
void forget(Lane& lane, RecordId id, std::uint64_t diedNanos) noexcept;

// The object lives, but its death could not be noticed: no memory for the way from it to its record.
// Cumulative figures stay as they are, and the sample is counted as lost.
void lose(Lane& lane, RecordId id) noexcept;

// Realloc in place: shrinking keeps a sample with p(new)/p(old), else forgets it; returns the id that stays
// or 0. Growing an unsampled object samples it with 1-exp(-(new-old)/T): the heap calls drawLarge(new-old)
// and record().
RecordId resize(Lane& lane, RecordId id, std::size_t requested, std::size_t allocated,
                base::Random& random) noexcept;

// Opens the unwinder, then starts sampling where HEAPPROF asked for it. Called from the constructor, an API
// call or the helper thread: never inside malloc.
void initialise() noexcept;

// Fork: prepare waits until no thread is inside the unwinder, which may need locks of the layers below; then
// the lanes and what is taken below a lane are locked, in this order; the child resets.
void lockTables() noexcept;
void unlockTables() noexcept;
void resetTableLocks() noexcept;
void prepareFork() noexcept;
void parentAfterFork() noexcept;
void childAfterFork() noexcept;

}  // namespace heapprof::sampling

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

// Takes the caller's stack, interns it, makes the record. `frame` is __builtin_frame_address(0) of the public
// entry function: frames of ours above it are dropped. Returns 0 when the record memory is used up (counted
// as lost). Never allocates, never blocks on a lock that a thread inside malloc could hold. errno is
// preserved.
RecordId record(const Allocation& allocation, const void* frame) noexcept;

// The object died, or was moved.
void forget(RecordId id) noexcept;

// The object lives, but its death could not be noticed: no memory for the way from it to its record.
// Cumulative figures stay as they are, and the sample is counted as lost.
void lose(RecordId id) noexcept;

// Realloc in place: shrinking keeps a sample with p(new)/p(old), else forgets it; returns the id that stays
// or 0. Growing an unsampled object samples it with 1-exp(-(new-old)/T): the heap calls drawLarge(new-old)
// and record().
RecordId resize(RecordId id, std::size_t requested, std::size_t allocated, base::Random& random) noexcept;

// Opens the unwinder, then starts sampling where HEAPPROF asked for it. Called from the constructor, an API
// call or the helper thread: never inside malloc.
void initialise() noexcept;

// Fork: prepare waits until no thread is inside the unwinder or holds a lock of ours; the child resets.
void prepareFork() noexcept;
void parentAfterFork() noexcept;
void childAfterFork() noexcept;

}  // namespace heapprof::sampling

// Every range of memory that is ours: metadata mappings, the page layer's side tables, and the heap's
// regions.
//
// Invariant: walks books that only grow, without a lock. Used to measure our own lines and to leave them out
// of others.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::introspect {

enum class OwnKind : std::uint8_t { kHeap, kBooks, kSampler };

void forEachOwnRange(void (*visit)(void* context, OwnKind kind, std::uintptr_t start, std::size_t bytes),
                     void* context) noexcept;

}  // namespace heapprof::introspect

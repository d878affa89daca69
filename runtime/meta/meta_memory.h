// Memory for our own books: never mixed with the user's, counted, and never given back (so that a stale
// pointer into it is always readable).
//
// Invariant: every block is zeroed when handed out and belongs to one Purpose for ever; total(p) is the sum
// of mapped bytes of p. Null when the kernel refuses: callers degrade, they do not abort. Thread-safe; one
// lock per purpose is taken inside, which no caller holds.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::meta {

enum class Purpose : std::uint8_t { kAllocator, kSampler, kDump, kCount };

void* allocate(Purpose purpose, std::size_t bytes, std::size_t alignment = 16) noexcept;
std::size_t mappedBytes(Purpose purpose) noexcept;

// Visits every mapping of ours, for residency and the waterfall.
using MappingVisitor = void (*)(void* context, Purpose purpose, const void* start, std::size_t bytes);
void forEachMapping(MappingVisitor visit, void* context) noexcept;

// Fork: the locks are held across it, so that no chunk is half cut in the child.
void prepareFork() noexcept;
void parentAfterFork() noexcept;
void resetAfterFork() noexcept;

}  // namespace heapprof::meta

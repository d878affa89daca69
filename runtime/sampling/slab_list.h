// The way from a slab to the records of its samples, inline, for whoever follows it under the slab's lock.
//
// Invariant: records of one slab are chained through RecordSlot::next; the heap keeps the head. A step costs
// the record's cache line, and nothing else. Threads: the caller holds the slab's sample lock.
#pragma once

#include "runtime/sampling/record_table.h"

namespace heapprof::sampling {

extern RecordTable records;  // the process's, in sampler.cpp

inline RecordId nextInSlab(RecordId id) noexcept {
  return records.slot(id).next.load(std::memory_order_relaxed);
}
inline void setNextInSlab(RecordId id, RecordId next) noexcept {
  records.slot(id).next.store(next, std::memory_order_relaxed);
}
inline const void* addressOf(RecordId id) noexcept {
  return reinterpret_cast<const void*>(records.slot(id).address.load(std::memory_order_relaxed));
}

}  // namespace heapprof::sampling

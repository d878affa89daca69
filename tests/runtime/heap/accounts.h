// The invariant of slab.h, checked the slow way: every list walked, every object looked for in every place it
// could be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <set>

namespace heapprof::tests {

struct SlabCounts {
  std::size_t slabs = 0;           // of all heaps
  std::size_t emptyUnnoticed = 0;  // nothing out, not current, not kept, no push under way
  std::size_t kept = 0;
  std::size_t hollow = 0;         // all that is free in it is gone
  std::uint64_t liveObjects = 0;  // in slabs, in use by the program or in a remote cache
  std::uint64_t liveLarge = 0;
  std::uint64_t sampledSlabs = 0;
  std::uint64_t trimmed = 0;  // objects in gone pages
};

// Only while no other thread allocates or frees. `live`: objects that the program holds: none may be in a
// list.
testing::AssertionResult accountsAreRight(const std::set<void*>& live, SlabCounts* counts = nullptr);

}  // namespace heapprof::tests

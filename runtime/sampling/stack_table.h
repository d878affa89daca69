// Stacks, interned: equal stacks have one node, whose address is their identity for the life of the process.
//
// Invariant: a node never changes after it is linked (but for the sites' trie below it). Frames are leaf
// first, return addresses as found. A stack that could not be taken is a node too, with its reason. Threads:
// lock-free from any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/sampling/arena.h"
#include "runtime/sampling/trie.h"

namespace heapprof::sampling {

struct Stack : TrieNode {
  const char* failure;  // null, or a literal "[unwind failed: ...]"
  std::uint32_t count;
  std::uintptr_t frames[1];  // `count` of them

  static std::size_t bytesFor(std::uint32_t count) noexcept {
    return sizeof(Stack) + sizeof(std::uintptr_t) * count - sizeof(std::uintptr_t);
  }
};

class StackTable {
 public:
  // Null when memory ends. `arena`: always the same; no member, for an address would put the table, which is
  // zero otherwise, into the file, on pages that the loader writes to.
  const Stack* intern(Arena& arena, const std::uintptr_t* frames, std::uint32_t count,
                      const char* failure) noexcept;
  std::uint64_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> size_{0};
  Trie trie_;
};

}  // namespace heapprof::sampling

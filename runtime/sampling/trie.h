// A lock-free, append-only hash trie: find or insert by a 64-bit hash, two bits a level below a fixed root.
//
// Invariant: a link goes from null to its node once and never changes; a node is complete before it is
// linked. So readers need no lock, nothing is ever rehashed, and pointers stay valid. Two threads that insert
// equal keys at once agree on the first; the loser's block is wasted (a few hundred bytes, rarely).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace heapprof::sampling {

struct TrieNode {
  std::atomic<TrieNode*> children[4];
  std::uint64_t hash;
};

class Trie {
 public:
  static constexpr int kRootBits = 9;
  constexpr Trie() noexcept = default;

  struct Found {
    TrieNode* node;  // null when `make` gave null
    bool inserted;
  };

  // `equal(node)` decides among nodes of the same hash; `make()` gives a zeroed node with its key filled in,
  // or null.
  template <typename Equal, typename Make>
  Found findOrInsert(std::uint64_t hash, Equal equal, Make make) noexcept {
    std::atomic<TrieNode*>* slot = &roots_[hash >> (64 - kRootBits)];
    std::uint64_t rest = hash << kRootBits;
    TrieNode* made = nullptr;
    for (;;) {
      // acquire: pairs with the release that linked the node
      TrieNode* node = slot->load(std::memory_order_acquire);
      if (node == nullptr) {
        if (made == nullptr) {
          made = make();
          if (made == nullptr) return {nullptr, false};
          made->hash = hash;
        }
        if (slot->compare_exchange_strong(node, made, std::memory_order_release, std::memory_order_acquire)) {
          return {made, true};
        }
      }
      if (node->hash == hash && equal(node)) return {node, false};
      slot = &node->children[rest >> 62];  // when the bits run out this is a list along child 0
      rest <<= 2;
    }
  }

 private:
  std::atomic<TrieNode*> roots_[std::size_t{1} << kRootBits] = {};
};

// Mixes one word into a hash: multiply, fold the high half down.
constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t word) noexcept {
  hash = (hash ^ word) * 0x9fb21c651e98df25u;
  return hash ^ (hash >> 32);
}

}  // namespace heapprof::sampling

#include "runtime/sampling/stack_table.h"

#include <cstring>

namespace heapprof::sampling {

const Stack* StackTable::intern(Arena& arena, const std::uintptr_t* frames, std::uint32_t count,
                                const char* failure) noexcept {
  // Failures are literals, so their address identifies them.
  std::uint64_t hash = mix(count, reinterpret_cast<std::uintptr_t>(failure));
  for (std::uint32_t i = 0; i < count; ++i) hash = mix(hash, frames[i]);
  const std::size_t frameBytes = sizeof(std::uintptr_t) * count;

  const Trie::Found found = trie_.findOrInsert(
      hash,
      [&](const TrieNode* node) noexcept {
        const auto* stack = static_cast<const Stack*>(node);
        return stack->count == count && stack->failure == failure &&
               std::memcmp(stack->frames, frames, frameBytes) == 0;
      },
      [&]() noexcept -> TrieNode* {
        auto* stack = static_cast<Stack*>(arena.allocate(Stack::bytesFor(count)));
        if (stack == nullptr) return nullptr;
        stack->failure = failure;
        stack->count = count;
        std::memcpy(stack->frames, frames, frameBytes);
        return stack;
      });
  if (found.inserted) size_.fetch_add(1, std::memory_order_relaxed);
  return static_cast<const Stack*>(found.node);
}

}  // namespace heapprof::sampling

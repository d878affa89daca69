#include "runtime/sampling/walk_memo.h"

#include "runtime/meta/meta_memory.h"

namespace heapprof::sampling {

bool WalkMemo::reserve() noexcept {
  auto* memory = static_cast<MemoGroup*>(
      meta::allocate(meta::Purpose::kSampler, kGroups * sizeof(MemoGroup), alignof(MemoGroup)));
  groups_.store(memory, std::memory_order_release);
  return memory != nullptr;
}

bool WalkMemo::lock(MemoGroup& group) noexcept {
  std::uint64_t seen = group.version.load(std::memory_order_relaxed);
  if (seen % 2 != 0) return false;
  const std::uint32_t bit = std::uint32_t{1} << (&group - groups_.load(std::memory_order_relaxed));
  if ((touched_.load(std::memory_order_relaxed) & bit) == 0) {
    touched_.fetch_or(bit, std::memory_order_relaxed);
  }
  return group.version.compare_exchange_strong(seen, seen + 1, std::memory_order_acquire,
                                               std::memory_order_relaxed);
}

void WalkMemo::afterForkInChild() noexcept {
  MemoGroup* groups = groups_.load(std::memory_order_acquire);
  const std::uint32_t touched = touched_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < kGroups; ++i) {
    if ((touched >> i & 1) == 0 || groups[i].version.load(std::memory_order_relaxed) % 2 == 0) continue;
    for (MemoField<std::uint64_t>& key : groups[i].keys) key.set(0);
    for (MemoWay& way : groups[i].ways) way.count.set(0);
    groups[i].unlock();
  }
}

}  // namespace heapprof::sampling

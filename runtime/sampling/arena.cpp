#include "runtime/sampling/arena.h"

#include "runtime/meta/meta_memory.h"

namespace heapprof::sampling {
namespace {

constexpr std::uint64_t kOffsetMask = 0xffffffffu;

}  // namespace

void* Arena::allocate(std::size_t bytes, std::size_t alignment) noexcept {
  bytes = (bytes + kAlignment - 1) & ~(kAlignment - 1);
  if (bytes > kChunkBytes) return nullptr;
  // acquire: pairs with the release in grow(), so that the chunk's pointer is seen with its number
  std::uint64_t cursor = cursor_.load(std::memory_order_acquire);
  for (;;) {
    const std::uint64_t offset = ((cursor & kOffsetMask) + alignment - 1) & ~(alignment - 1);
    if ((cursor >> 32) == 0 || offset + bytes > kChunkBytes) {
      if (!grow(cursor)) return nullptr;
      cursor = cursor_.load(std::memory_order_acquire);
      continue;
    }
    if (cursor_.compare_exchange_weak(cursor, (cursor & ~kOffsetMask) + offset + bytes,
                                      std::memory_order_acquire, std::memory_order_acquire)) {
      return chunks_[cursor >> 32].load(std::memory_order_relaxed) + offset;
    }
  }
}

bool Arena::grow(std::uint64_t seen) noexcept {
  base::MutexGuard guard(growth_);
  std::uint64_t cursor = cursor_.load(std::memory_order_relaxed);
  if ((cursor >> 32) != (seen >> 32)) return true;  // another thread was first
  const std::uint64_t next = (cursor >> 32) + 1;
  if (next >= kMaxChunks) return false;
  auto* chunk = static_cast<char*>(meta::allocate(meta::Purpose::kSampler, kChunkBytes, 64));
  if (chunk == nullptr) return false;
  chunks_[next].store(chunk, std::memory_order_relaxed);
  mapped_.fetch_add(kChunkBytes, std::memory_order_relaxed);
  // Small blocks may still be cut from the old chunk meanwhile: exchange until the number moves.
  // release: pairs with the acquire in allocate()
  while (!cursor_.compare_exchange_weak(cursor, next << 32, std::memory_order_release,
                                        std::memory_order_relaxed)) {
  }
  return true;
}

}  // namespace heapprof::sampling

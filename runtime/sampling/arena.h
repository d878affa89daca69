// Bump memory for stacks and sites: append-only, zeroed, never given back.
//
// Invariant: a block handed out belongs to its taker for ever. cursor_ = chunk number << 32 | offset in the
// chunk; it only grows, so a compare-and-swap that succeeds owns what it skipped over. bytes() counts mapped
// chunks. Threads: lock-free but for one futex lock per new chunk, under which nothing but meta::allocate is
// called.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/base/mutex.h"

namespace heapprof::sampling {

class Arena {
 public:
  static constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
  static constexpr std::size_t kMaxChunks = 8192;  // 2 GiB
  static constexpr std::size_t kAlignment = 16;

  constexpr Arena() noexcept = default;

  // Null when the kernel refuses memory, or above kMaxChunks. `bytes` is at most a chunk, `alignment` at most
  // a cache line's 64.
  void* allocate(std::size_t bytes, std::size_t alignment = kAlignment) noexcept;
  std::size_t bytes() const noexcept { return mapped_.load(std::memory_order_relaxed); }
  base::Mutex& growthLock() noexcept { return growth_; }

 private:
  bool grow(std::uint64_t seen) noexcept;

  std::atomic<std::uint64_t> cursor_{
      0};  // chunk 0 does not exist; all zero, so that none of this is in the file
  std::atomic<std::size_t> mapped_{0};
  base::Mutex growth_;
  std::atomic<char*> chunks_[kMaxChunks] = {};
};

}  // namespace heapprof::sampling

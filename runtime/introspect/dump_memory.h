// Memory for one dump: a bump allocator over metadata blocks that are kept from dump to dump.
//
// Invariant: every block handed out is zeroed, touched (so that the dump does not change RSS while it
// measures it) and valid until end(). Blocks are never unmapped, but end() gives their pages back to the
// kernel, so that between dumps the cost is address space only. Bounded: kMaxBytes. Owner: the one dump that
// holds the dump lock.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::introspect {

class DumpMemory {
 public:
  constexpr DumpMemory() noexcept = default;
  void begin() noexcept;
  void end() noexcept;
  // Null when the kernel refuses or the bound is reached: the caller degrades or gives up the dump.
  void* take(std::size_t bytes) noexcept;
  template <typename T>
  T* takeArray(std::size_t count) noexcept {
    return static_cast<T*>(take(count * sizeof(T)));
  }

  static constexpr std::size_t kMaxBytes = std::size_t{256} << 20;

 private:
  struct Block {
    unsigned char* start;
    std::size_t bytes;
    std::size_t used;
  };
  static constexpr std::size_t kMaxBlocks = 48;
  Block blocks_[kMaxBlocks] = {};
  std::size_t blockCount_ = 0;
  std::size_t mapped_ = 0;
};

}  // namespace heapprof::introspect

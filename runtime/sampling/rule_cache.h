// Frame rules by return address: a direct-mapped table for the whole process, so that a walk costs a probe a
// frame.
//
// Invariant: an entry is valid for its (address, object fingerprint) only. version is odd while a writer is
// inside; a writer that finds it odd leaves without storing. Losing an entry costs time, never truth.
// Threads: lock-free; readers never write.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/sampling/eh_frame.h"

namespace heapprof::sampling {

class RuleCache {
 public:
  static constexpr std::size_t kEntries = 8192;  // 40 bytes each

  constexpr RuleCache() noexcept = default;
  // False when the kernel refuses the memory: find() then never finds.
  bool reserve() noexcept;

  bool find(std::uintptr_t address, std::uint64_t fingerprint, FrameRule* out) const noexcept;
  void store(std::uintptr_t address, std::uint64_t fingerprint, const FrameRule& rule) noexcept;

 private:
  struct Entry {
    std::atomic<std::uint64_t> version;
    std::atomic<std::uint64_t> key;  // address mixed with the fingerprint
    std::atomic<std::uint64_t> packed[3];
  };
  static std::uint64_t keyOf(std::uintptr_t address, std::uint64_t fingerprint) noexcept;

  std::atomic<Entry*> entries_{nullptr};
};

}  // namespace heapprof::sampling

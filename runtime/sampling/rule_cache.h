// Frame rules by return address: a direct-mapped table for the whole process, so that a walk costs a probe a
// frame, of one cache line.
//
// Invariant: an entry is valid for its (address, object fingerprint) only. Its first word is the key
// exclusive-or the two others, so three words of different writes give no key that anybody asks for (but by a
// chance of 2^-64). Losing an entry costs time, never truth. Threads: lock-free; readers never write.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/sampling/eh_frame.h"
#include "runtime/sampling/trie.h"

namespace heapprof::sampling {

template <typename T>
constexpr std::uint64_t bits(unsigned shift, T value) noexcept {
  return static_cast<std::uint64_t>(value) << shift;
}

//   low    cfaOffset 32 | frameOffset 32
//   high   returnOffset 32 | cfaAddend 16 | kind 2, cfaBase 3, loads 1, signal 1, returnBase 3, frameBase 3
struct PackedRule {
  std::uint64_t low;
  std::uint64_t high;

  static PackedRule pack(const FrameRule& rule) noexcept;
  FrameRule unpack() const noexcept;

  // A step whose CFA is a register and an offset, and whose return address, and frame pointer if it is saved,
  // lie at offsets from it: nearly every frame there is.
  bool isSimple() const noexcept { return (high & kSimpleMask) == kSimple; }
  bool isStep() const noexcept { return static_cast<RuleKind>(high >> kKind & 3) == RuleKind::kStep; }
  // Of simple ones:
  bool fromFramePointer() const noexcept { return (high & bits(kCfaBase, Base::kFramePointer)) != 0; }
  bool savesFramePointer() const noexcept { return (high & bits(kFrameBase, 1)) == 0; }
  std::uintptr_t cfaOffset() const noexcept { return wide(low); }
  std::uintptr_t frameOffset() const noexcept { return wide(low >> 32); }
  std::uintptr_t returnOffset() const noexcept { return wide(high); }

 private:
  static constexpr unsigned kAddend = 32, kKind = 48, kCfaBase = 50, kLoads = 53, kSignal = 54,
                            kReturnBase = 55, kFrameBase = 58;
  static std::uintptr_t wide(std::uint64_t word) noexcept {
    return static_cast<std::uintptr_t>(
        static_cast<std::intptr_t>(static_cast<std::int32_t>(static_cast<std::uint32_t>(word))));
  }
  // The CFA's base is one of the registers 0 and 1, the frame pointer's is kCfa (2) or kUnchanged (3): masks
  // leave the bit out that tells these apart.
  static_assert(static_cast<int>(Base::kStackPointer) == 0 && static_cast<int>(Base::kFramePointer) == 1 &&
                static_cast<int>(Base::kCfa) == 2 && static_cast<int>(Base::kUnchanged) == 3);
  static constexpr std::uint64_t kSimpleMask = bits(kKind, 3) | bits(kCfaBase, 6) | bits(kLoads, 1) |
                                               bits(kSignal, 1) | bits(kReturnBase, 7) | bits(kFrameBase, 6);
  static constexpr std::uint64_t kSimple =
      bits(kKind, RuleKind::kStep) | bits(kReturnBase, Base::kCfa) | bits(kFrameBase, Base::kCfa);
};

class RuleCache {
 public:
  static constexpr std::size_t kEntries = 8192;

  constexpr RuleCache() noexcept = default;
  // False when the kernel refuses the memory: find() then never finds.
  bool reserve() noexcept;

  [[gnu::always_inline]] bool find(std::uintptr_t address, std::uint64_t fingerprint,
                                   PackedRule* out) const noexcept {
    const Entry* entries = entries_.load(std::memory_order_acquire);
    if (entries == nullptr) return false;
    const std::uint64_t key = keyOf(address, fingerprint);
    const Entry& entry = entries[key % kEntries];
    *out = {entry.low.load(std::memory_order_relaxed), entry.high.load(std::memory_order_relaxed)};
    return (entry.check.load(std::memory_order_relaxed) ^ out->low ^ out->high) == key;
  }
  void store(std::uintptr_t address, std::uint64_t fingerprint, const PackedRule& rule) noexcept;

 private:
  struct alignas(32) Entry {
    std::atomic<std::uint64_t> check;
    std::atomic<std::uint64_t> low, high;
  };
  // The whole mixed word is compared, not the address: 64 bits of a product are enough to tell two of them,
  // and an empty entry, apart.
  static std::uint64_t keyOf(std::uintptr_t address, std::uint64_t fingerprint) noexcept {
    return mix(fingerprint, address);
  }

  std::atomic<Entry*> entries_{nullptr};
};

}  // namespace heapprof::sampling

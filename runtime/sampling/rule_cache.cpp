#include "runtime/sampling/rule_cache.h"

#include "runtime/meta/meta_memory.h"

namespace heapprof::sampling {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

std::uint64_t low32(std::int32_t value) noexcept {
  return static_cast<std::uint32_t>(value);
}

std::int32_t signed32(std::uint64_t word) noexcept {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(word));
}

}  // namespace

PackedRule PackedRule::pack(const FrameRule& rule) noexcept {
  return {low32(rule.cfaOffset) | bits(32, low32(rule.frameOffset)),
          low32(rule.returnOffset) | bits(kAddend, static_cast<std::uint16_t>(rule.cfaAddend)) |
              bits(kKind, rule.kind) | bits(kCfaBase, rule.cfaBase) | bits(kLoads, rule.cfaLoads) |
              bits(kSignal, rule.signalFrame) | bits(kReturnBase, rule.returnBase) |
              bits(kFrameBase, rule.frameBase)};
}

FrameRule PackedRule::unpack() const noexcept {
  return {.kind = static_cast<RuleKind>(high >> kKind & 3),
          .cfaBase = static_cast<Base>(high >> kCfaBase & 7),
          .cfaLoads = (high >> kLoads & 1) != 0,
          .signalFrame = (high >> kSignal & 1) != 0,
          .returnBase = static_cast<Base>(high >> kReturnBase & 7),
          .frameBase = static_cast<Base>(high >> kFrameBase & 7),
          .cfaAddend = static_cast<std::int16_t>(static_cast<std::uint16_t>(high >> kAddend)),
          .cfaOffset = signed32(low),
          .returnOffset = signed32(high),
          .frameOffset = signed32(low >> 32)};
}

bool RuleCache::reserve() noexcept {
  auto* memory = static_cast<Entry*>(meta::allocate(meta::Purpose::kSampler, kEntries * sizeof(Entry), 64));
  entries_.store(memory, std::memory_order_release);
  return memory != nullptr;
}

void RuleCache::store(std::uintptr_t address, std::uint64_t fingerprint, const PackedRule& rule) noexcept {
  Entry* entries = entries_.load(std::memory_order_acquire);
  if (entries == nullptr) return;
  const std::uint64_t key = keyOf(address, fingerprint);
  Entry& entry = entries[key % kEntries];
  entry.check.store(key ^ rule.low ^ rule.high, kRelaxed);
  entry.low.store(rule.low, kRelaxed);
  entry.high.store(rule.high, kRelaxed);
}

}  // namespace heapprof::sampling

#include "runtime/sampling/rule_cache.h"

#include <bit>

#include "runtime/meta/meta_memory.h"
#include "runtime/sampling/trie.h"

namespace heapprof::sampling {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;

struct Packed {
  std::uint64_t words[3];
};
static_assert(sizeof(FrameRule) <= sizeof(Packed));

Packed pack(const FrameRule& rule) noexcept {
  Packed packed = {};
  __builtin_memcpy(packed.words, &rule, sizeof rule);
  return packed;
}

}  // namespace

// The whole mixed word is compared, not the address: 64 bits of a product are enough to tell two of them
// apart.
std::uint64_t RuleCache::keyOf(std::uintptr_t address, std::uint64_t fingerprint) noexcept {
  const std::uint64_t key = mix(fingerprint, address);
  return key == 0 ? 1 : key;  // 0 marks an empty entry
}

bool RuleCache::reserve() noexcept {
  auto* memory = static_cast<Entry*>(meta::allocate(meta::Purpose::kSampler, kEntries * sizeof(Entry), 64));
  entries_.store(memory, kRelease);
  return memory != nullptr;
}

bool RuleCache::find(std::uintptr_t address, std::uint64_t fingerprint, FrameRule* out) const noexcept {
  const Entry* entries = entries_.load(kAcquire);
  if (entries == nullptr) return false;
  const std::uint64_t key = keyOf(address, fingerprint);
  const Entry& entry = entries[key % kEntries];
  const std::uint64_t version = entry.version.load(kAcquire);
  if ((version & 1) != 0 || entry.key.load(kAcquire) != key) return false;
  Packed packed;
  for (int i = 0; i < 3; ++i) packed.words[i] = entry.packed[i].load(kAcquire);
  if (entry.version.load(kRelaxed) != version) return false;
  __builtin_memcpy(out, packed.words, sizeof *out);
  return true;
}

void RuleCache::store(std::uintptr_t address, std::uint64_t fingerprint, const FrameRule& rule) noexcept {
  Entry* entries = entries_.load(kAcquire);
  if (entries == nullptr) return;
  const std::uint64_t key = keyOf(address, fingerprint);
  Entry& entry = entries[key % kEntries];
  std::uint64_t version = entry.version.load(kRelaxed);
  if ((version & 1) != 0 || !entry.version.compare_exchange_strong(version, version + 1, kAcquire, kRelaxed))
    return;
  const Packed packed = pack(rule);
  // release: who sees one of these sees the odd version too (acquire in find)
  entry.key.store(key, kRelease);
  for (int i = 0; i < 3; ++i) entry.packed[i].store(packed.words[i], kRelease);
  entry.version.store(version + 2, kRelease);
}

}  // namespace heapprof::sampling

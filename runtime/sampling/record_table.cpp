#include "runtime/sampling/record_table.h"

#include "runtime/meta/meta_memory.h"

namespace heapprof::sampling {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr int kReadAttempts = 64;

RecordFields load(const RecordSlot& slot) noexcept {
  return RecordFields{
      .address = slot.address.load(kAcquire),
      .requested = slot.requested.load(kAcquire),
      .allocated = slot.allocated.load(kAcquire),
      .interval = slot.interval.load(kAcquire),
      .bornNanos = slot.bornNanos.load(kAcquire),
      .site = slot.site.load(kAcquire),
      .threadId = slot.threadId.load(kAcquire),
      .kind = slot.kind.load(kAcquire),
      .alignmentLog2 = slot.alignmentLog2.load(kAcquire),
  };
}

}  // namespace

RecordId RecordTable::popFree() noexcept {
  // acquire: pairs with the release in give(), so that the slot's `next` is the one pushed with it
  std::uint64_t head = freeHead_.load(std::memory_order_acquire);
  for (;;) {
    const auto id = static_cast<RecordId>(head);
    if (id == 0) return 0;
    const std::uint64_t next = slot(id).next.load(kRelaxed);
    const std::uint64_t tag = (head >> 32) + 1;
    if (freeHead_.compare_exchange_weak(head, tag << 32 | next, std::memory_order_acquire,
                                        std::memory_order_acquire)) {
      return id;
    }
  }
}

RecordId RecordTable::take() noexcept {
  if (const RecordId id = popFree(); id != 0) return id;
  RecordId id = carved_.load(kRelaxed);
  for (;;) {
    const unsigned segment = segmentOf(numberOf(id));
    if (segment >= kSegments || !ensureSegment(segment)) return 0;
    // release: pairs with the acquire in end(), so that a reader finds the segment
    if (carved_.compare_exchange_weak(id, id + 1, std::memory_order_acq_rel, kRelaxed)) return id;
  }
}

bool RecordTable::ensureSegment(unsigned segment) noexcept {
  if (segments_[segment].load(std::memory_order_acquire) != 0) return true;
  base::MutexGuard guard(growth_);
  if (segments_[segment].load(kRelaxed) != 0) return true;
  const std::size_t slots = std::size_t{1} << (kFirstBits + segment);
  std::uintptr_t from = 0;
  while (from == 0) {  // once: memory that lies where it would make this 0 is left alone
    void* memory = meta::allocate(meta::Purpose::kSampler, slots * sizeof(RecordSlot), 64);
    if (memory == nullptr) return false;
    from = reinterpret_cast<std::uintptr_t>(memory) - slots * sizeof(RecordSlot);
  }
  // release: pairs with the acquire in slot()
  segments_[segment].store(from, std::memory_order_release);
  return true;
}

void RecordTable::giveFree(RecordId id) noexcept {
  RecordSlot& freed = slot(id);
  std::uint64_t head = freeHead_.load(kRelaxed);
  std::uint64_t next = 0;
  do {
    freed.next.store(static_cast<RecordId>(head), kRelaxed);
    next = ((head >> 32) + 1) << 32 | id;
    // release: pairs with the acquire in popFree()
  } while (!freeHead_.compare_exchange_weak(head, next, std::memory_order_release, kRelaxed));
}

RecordFields RecordTable::own(RecordId id) const noexcept {
  return load(slot(id));
}

bool RecordTable::read(RecordId id, RecordFields* out) const noexcept {
  const RecordSlot& source = slot(id);
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    const std::uint32_t before = source.version.load(kAcquire);
    if ((before & 1) != 0) continue;
    *out = load(source);
    if (source.version.load(kRelaxed) == before) return out->site != nullptr;
  }
  return false;
}

}  // namespace heapprof::sampling

#include "runtime/sampling/record_table.h"

#include "runtime/meta/meta_memory.h"

namespace heapprof::sampling {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// Fields are stored with release and read with acquire: a reader that sees one of a write's fields also sees
// the odd version stored before it. (The form of a sequence lock that needs no fences, which the thread
// sanitizer cannot see.)
constexpr auto kRelease = std::memory_order_release;
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
    const Place place = placeOf(id);
    if (place.segment >= kSegments || !ensureSegment(place.segment)) return 0;
    // release: pairs with the acquire in end(), so that a reader finds the segment
    if (carved_.compare_exchange_weak(id, id + 1, std::memory_order_acq_rel, kRelaxed)) return id;
  }
}

bool RecordTable::ensureSegment(unsigned segment) noexcept {
  if (segments_[segment].load(std::memory_order_acquire) != nullptr) return true;
  base::MutexGuard guard(growth_);
  if (segments_[segment].load(kRelaxed) != nullptr) return true;
  const std::size_t slots = std::size_t{1} << (kFirstBits + segment);
  void* memory = meta::allocate(meta::Purpose::kSampler, slots * sizeof(RecordSlot), 64);
  if (memory == nullptr) return false;
  // release: pairs with the acquire in slot()
  segments_[segment].store(static_cast<RecordSlot*>(memory), std::memory_order_release);
  return true;
}

void RecordTable::clear(RecordId id) noexcept {
  RecordSlot& freed = slot(id);
  const std::uint32_t version = freed.version.load(kRelaxed);
  freed.version.store(version + 1, kRelaxed);
  freed.site.store(nullptr, kRelease);
  freed.version.store(version + 2, kRelease);  // pairs with the acquire load in read()
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

void RecordTable::write(RecordId id, const RecordFields& fields) noexcept {
  RecordSlot& target = slot(id);
  const std::uint32_t version = target.version.load(kRelaxed);
  target.version.store(version + 1, kRelaxed);
  target.address.store(fields.address, kRelease);
  target.requested.store(fields.requested, kRelease);
  target.allocated.store(fields.allocated, kRelease);
  target.interval.store(fields.interval, kRelease);
  target.bornNanos.store(fields.bornNanos, kRelease);
  target.site.store(fields.site, kRelease);
  target.threadId.store(fields.threadId, kRelease);
  target.kind.store(fields.kind, kRelease);
  target.alignmentLog2.store(fields.alignmentLog2, kRelease);
  target.version.store(version + 2, kRelease);  // pairs with the acquire load in read()
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

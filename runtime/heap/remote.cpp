// Frees of objects that belong to another heap: kept back until a few of one slab have come together, then
// pushed with one CAS; the freer whose push makes a parked slab worth a look tells the heap.
#include "runtime/heap/pool.h"
#include "runtime/heap/slab_map.h"
#include "runtime/heap/slabs.h"

namespace heapprof::heap {
namespace {

void pushInbox(Heap& heap, Slab* slab) noexcept {
  const pages::Granule granule = granuleOf(slab);
  pages::Granule head = heap.inbox.load(std::memory_order_relaxed);
  do {
    slab->inboxNext.store(head, std::memory_order_relaxed);
    // seq_cst, and so the load below: parking stores held = false, then looks into the inbox; one of us sees
    // the other.
  } while (
      !heap.inbox.compare_exchange_weak(head, granule, std::memory_order_seq_cst, std::memory_order_relaxed));
  if (!heap.held.load(std::memory_order_seq_cst)) settlePooled(&heap);
}

void flushEntry(RemoteCache& cache, RemoteCache::Entry& entry) noexcept {
  const RemoteCache::Entry full = entry;
  entry = {};
  cache.bytes -= std::size_t{full.count} * kSizeClasses[full.slab->sizeClass].size;
  pushRemote(full.slab, full.head, full.tail, full.count);
}

}  // namespace

void pushRemote(Slab* slab, void* head, void* tail, std::uint32_t count) noexcept {
  // Read before the CAS: after it the slab may end, unless it is we who must wake it.
  Heap* heap = ownerOf(slab->owner.load(std::memory_order_relaxed));
  const std::uintptr_t start = startOf(slab);
  RemoteWord next = {};
  next.head = static_cast<std::uint32_t>((reinterpret_cast<std::uintptr_t>(head) - start) >> 3);
  std::uint64_t old = slab->remote.load(std::memory_order_relaxed);
  RemoteWord word = {};
  do {
    word = RemoteWord::unpack(old);
    nextObject(tail) =
        word.count == 0 ? nullptr : reinterpret_cast<void*>(start + (std::uintptr_t{word.head} << 3));
    next.count = static_cast<std::uint16_t>(word.count + count);
    next.wakeAt = word.wakeAt;
    // release: pairs with the owner's exchange, which then reads the links. acquire: what the owner wrote
    // before it parked.
  } while (!slab->remote.compare_exchange_weak(old, next.pack(), std::memory_order_acq_rel,
                                               std::memory_order_relaxed));
  if (next.crossed() && !word.crossed()) pushInbox(*heap, slab);
}

void cacheRemoteFree(Heap& heap, Slab* slab, void* object) noexcept {
  RemoteCache& cache = heap.remoteCache;
  const SizeClass& row = kSizeClasses[slab->sizeClass];
  RemoteCache::Entry& entry =
      cache.entries[(reinterpret_cast<std::uintptr_t>(slab) / sizeof(Slab)) % RemoteCache::kEntries];
  if (entry.slab != slab) {
    if (entry.slab != nullptr) flushEntry(cache, entry);
    if (row.remoteBatch <= 1) {
      pushRemote(slab, object, object, 1);
      return;
    }
    entry = {slab, nullptr, object, 0};
  }
  nextObject(object) = entry.head;
  entry.head = object;
  ++entry.count;
  cache.bytes += row.size;
  if (entry.count >= row.remoteBatch) flushEntry(cache, entry);
  if (cache.bytes > RemoteCache::kMostBytes) flushRemoteCache(heap);
}

void flushRemoteCache(Heap& heap) noexcept {
  RemoteCache& cache = heap.remoteCache;
  if (cache.bytes == 0) return;
  for (RemoteCache::Entry& entry : cache.entries) {
    if (entry.slab != nullptr) flushEntry(cache, entry);
  }
}

}  // namespace heapprof::heap

#include "runtime/heap/pool.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "runtime/base/mutex.h"
#include "runtime/config/options.h"
#include "runtime/heap/slabs.h"
#include "runtime/meta/meta_memory.h"
#include "runtime/os/bell.h"
#include "runtime/os/os.h"
#include "runtime/sampling/sampler.h"

extern char** environ;

namespace heapprof::heap {

constinit thread_local HeapFront* self = const_cast<HeapFront*>(&emptyHeap);

namespace {

constexpr HeapFront makeFront() noexcept {
  HeapFront front = {};
  for (std::size_t i = 0; i <= kFastLimit >> 3; ++i) front.classOf[i] = detail::kBy8[i];
  return front;
}

struct Pool {
  base::Mutex lock;
  Heap* idle = nullptr;  // through nextInPool; the last parked is the first adopted
  std::uint64_t made = 0;
  std::atomic<Heap*> all{nullptr};  // through nextOfAll; only grows
};
constinit Pool pool;

// The key's destructor parks the heap of a thread that ends.
enum class KeyState : std::uint8_t { kNone, kReady, kFailed };
constinit pthread_key_t exitKey = 0;
constinit KeyState keyState = KeyState::kNone;  // both under the pool lock

// Set when the destructor has run: TLS destructors and libc's own clean-up may still allocate and free.
constinit thread_local bool exited = false;

// When the main thread has ended, the helper is told of each thread that ends: it must not be the last.
constinit std::atomic<bool> mainEnded{false};

void threadEnds(void*) noexcept {
  parkOwn();
  exited = true;
  if (os::threadId() == static_cast<std::uint64_t>(getpid()))
    mainEnded.store(true, std::memory_order_relaxed);
  if (mainEnded.load(std::memory_order_relaxed)) os::ring(os::kRingThreadEnded);
}

Heap* makeHeap() noexcept {
  auto* heap = static_cast<Heap*>(meta::allocate(meta::Purpose::kAllocator, sizeof(Heap), 64));
  if (heap == nullptr) return nullptr;
  static_cast<HeapFront&>(*heap) = emptyHeap;
  for (std::uint64_t& until : heap->untilSample) until = sampling::kNever;
  heap->number = ++pool.made;
  const bool seeded = environ != nullptr && config::options().hasSeed;
  const std::uint64_t seed = seeded ? config::options().seed : os::calls().monotonicNanos();
  heap->random.reseed(seed, heap->number);
  heap->nextOfAll = pool.all.load(std::memory_order_relaxed);
  pool.all.store(heap, std::memory_order_release);  // pairs with firstHeap()
  return heap;
}

Heap* adopt() noexcept {
  base::MutexGuard guard(pool.lock);
  if (keyState == KeyState::kNone) {
    keyState = pthread_key_create(&exitKey, threadEnds) == 0 ? KeyState::kReady : KeyState::kFailed;
  }
  Heap* heap = pool.idle;
  if (heap != nullptr) {
    pool.idle = heap->nextInPool;
  } else {
    heap = makeHeap();
    if (heap == nullptr) return nullptr;
  }
  heap->held.store(true, std::memory_order_relaxed);
  heap->threadId.store(os::threadId(), std::memory_order_relaxed);
  return heap;
}

void park(Heap* heap) noexcept {
  surrender(*heap);
  base::MutexGuard guard(pool.lock);
  // seq_cst: pairs with pushInbox, see there.
  heap->held.store(false, std::memory_order_seq_cst);
  heap->threadId.store(0, std::memory_order_relaxed);
  if (heap->inbox.load(std::memory_order_seq_cst) != pages::kNoGranule) {
    drainInbox(*heap);
    dropKept(*heap);
  }
  heap->nextInPool = pool.idle;
  pool.idle = heap;
}

}  // namespace

constinit const HeapFront emptyHeap = makeFront();

Heap* acquire() noexcept {
  if (Heap* heap = heldHeap()) return heap;
  Heap* heap = adopt();
  if (heap == nullptr) {
    errno = ENOMEM;
    return nullptr;
  }
  if (exited) return heap;  // a loan
  self = heap;
  // Last: it may allocate, and finds the heap in place. If it fails, the heap is lost when the thread ends.
  const int savedErrno = errno;
  if (keyState == KeyState::kReady) pthread_setspecific(exitKey, heap);
  errno = savedErrno;
  return heap;
}

bool isLoan(const Heap* heap) noexcept {
  return self != heap;
}
void endLoan(Heap* heap) noexcept {
  park(heap);
}
bool threadMayHold() noexcept {
  return !exited;
}

void parkOwn() noexcept {
  Heap* heap = heldHeap();
  if (heap == nullptr) return;
  self = const_cast<HeapFront*>(&emptyHeap);
  park(heap);
}

void settlePooled(Heap* heap) noexcept {
  base::MutexGuard guard(pool.lock);
  if (heap->held.load(std::memory_order_relaxed) || heap->orphan) return;
  drainInbox(*heap);
  dropKept(*heap);
}

Heap* firstHeap() noexcept {
  return pool.all.load(std::memory_order_acquire);
}

std::uint64_t drainPool() noexcept {
  base::MutexGuard guard(pool.lock);
  std::uint64_t drained = 0;
  for (Heap* heap = pool.idle; heap != nullptr; heap = heap->nextInPool, ++drained) {
    drainInbox(*heap);
    dropKept(*heap);
  }
  return drained;
}

void lockPool() noexcept {
  pool.lock.lock();
}
void unlockPool() noexcept {
  pool.lock.unlock();
}

void poolInChild() noexcept {
  // Heaps of threads that are not here may be in the middle of anything: nobody will hold them again.
  Heap* own = heldHeap();
  for (Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextOfAll) {
    if (heap != own && heap->held.load(std::memory_order_relaxed)) heap->orphan = true;
  }
  if (own != nullptr) own->threadId.store(os::threadId(), std::memory_order_relaxed);
  pool.lock.reset();
}

}  // namespace heapprof::heap

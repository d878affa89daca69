#include "runtime/heap/pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "runtime/base/mutex.h"
#include "runtime/heap/asleep.h"
#include "runtime/heap/draws.h"
#include "runtime/heap/slabs.h"
#include "runtime/meta/meta_memory.h"
#include "runtime/os/bell.h"
#include "runtime/os/os.h"
#include "runtime/sampling/sampler.h"

// ld.so's: where the kernel put the arguments of the program.
extern "C" [[gnu::weak]] void* __libc_stack_end;

namespace heapprof::heap {

constinit thread_local HeapFront* self = const_cast<HeapFront*>(&emptyHeap);

namespace {

constexpr HeapFront makeFront() noexcept {
  HeapFront front = {};
  for (std::size_t i = 0; i <= kFastLimit >> 3; ++i) front.classOf[i] = detail::kBy8[i];
  return front;
}

// Heaps that nobody holds, through nextInPool.
struct IdleHeaps {
  Heap* first = nullptr;

  void add(Heap* heap) noexcept {
    heap->previousInPool = nullptr;
    heap->nextInPool = first;
    if (first != nullptr) first->previousInPool = heap;
    first = heap;
  }
  void remove(Heap* heap) noexcept {
    (heap->previousInPool != nullptr ? heap->previousInPool->nextInPool : first) = heap->nextInPool;
    if (heap->nextInPool != nullptr) heap->nextInPool->previousInPool = heap->previousInPool;
  }
};

struct Pool {
  base::Mutex lock;
  IdleHeaps left;     // their threads have ended; the last parked is the first adopted
  IdleHeaps awaited;  // taken from threads that sleep
  std::uint64_t made = 0;
  std::uint32_t forks = 0;          // between the first process and this one
  std::atomic<Heap*> all{nullptr};  // through nextOfAll; only grows
};
constinit Pool pool;

// The key's destructor parks the heap of a thread that ends.
enum class KeyState : std::uint8_t { kNone, kReady, kFailed };
constinit pthread_key_t exitKey = 0;
constinit KeyState keyState = KeyState::kNone;  // both under the pool lock

// Set when the destructor has run: TLS destructors and libc's own clean-up may still allocate and free.
constinit thread_local bool exited = false;

// What it has there, free slots above all, is wanted again when a thread goes on whose heap was taken.
constinit thread_local Heap* lastHeld = nullptr;

// When the main thread has ended, the helper is told of each thread that ends: it must not be the last.
constinit std::atomic<bool> mainEnded{false};

void threadEnds(void*) noexcept {
  parkOwn();
  exited = true;
  if (os::threadId() == os::processId()) mainEnded.store(true, std::memory_order_relaxed);
  if (mainEnded.load(std::memory_order_relaxed)) os::ring(os::kRingThreadEnded);
}

Heap* makeHeap() noexcept {
  auto* heap = static_cast<Heap*>(meta::allocate(meta::Purpose::kAllocator, sizeof(Heap), alignof(Heap)));
  if (heap == nullptr) return nullptr;
  static_cast<HeapFront&>(*heap) = emptyHeap;
  for (std::uint64_t& until : heap->untilSample) until = sampling::kNever;
  heap->number = ++pool.made;
  seedHeap(*heap);
  heap->forks = pool.forks;
  heap->nextOfAll = pool.all.load(std::memory_order_relaxed);
  pool.all.store(heap, std::memory_order_release);  // pairs with firstHeap()
  return heap;
}

// Held while borrowed heaps are worked on, a slice at a time; taken before the pool's.
constinit base::Mutex upkeepLock;
constinit base::Mutex passLock;  // before that one
constinit std::atomic<std::uint32_t> borrowedHeaps{0};
constinit std::atomic<bool> wanted{false};

// Upkeep holds what this thread could take: waits until all is given back, at the end of a slice. Once is not
// enough: between two slices the lock is free for a moment.
void waitForBorrowed() noexcept {
  while (borrowedHeaps.load(std::memory_order_acquire) != 0) {
    wanted.store(true, std::memory_order_relaxed);
    { base::MutexGuard wait(upkeepLock); }
    if (borrowedHeaps.load(std::memory_order_acquire) != 0) sched_yield();
  }
}

bool isIdle(const Heap* heap) noexcept {
  return heap != nullptr && !heap->orphan && !heap->held.load(std::memory_order_relaxed);
}

// Pool lock held: its own, the preferred one or another that is nobody's, or another sleeper's; null: the
// pool is empty.
Heap* takeFromPool(Heap* preferred) noexcept {
  Heap* heap = lastHeld;
  if (!isIdle(heap)) heap = isIdle(preferred) && !preferred->isAwaited ? preferred : nullptr;
  if (heap == nullptr) heap = pool.left.first != nullptr ? pool.left.first : pool.awaited.first;
  if (heap != nullptr) (heap->isAwaited ? pool.awaited : pool.left).remove(heap);
  return heap;
}

// False: upkeep has the thread's own one; null: there is no memory for one.
bool adopt(Heap** out, Heap* preferred) noexcept {
  base::MutexGuard guard(pool.lock);
  // Upkeep may have taken this thread's heap for a moment, and have found that the thread was awake.
  *out = heldHeap();
  if (*out != nullptr) return true;
  if (lastHeld != nullptr && lastHeld->borrowed) return false;
  if (keyState == KeyState::kNone) {
    keyState = pthread_key_create(&exitKey, threadEnds) == 0 ? KeyState::kReady : KeyState::kFailed;
  }
  Heap* heap = takeFromPool(preferred);
  if (heap == nullptr) heap = makeHeap();
  if (heap == nullptr) return true;
  if (heap->forks != pool.forks) {
    heap->forks = pool.forks;
    redrawParked(*heap);
  }
  heap->isAwaited = false;
  lastHeld = heap;
  heap->held.store(true, std::memory_order_relaxed);
  heap->threadId.store(os::threadId(), std::memory_order_relaxed);
  heap->slot = exited ? nullptr : &self;
  heap->tick();  // a thread that only frees makes no other slow call
  *out = heap;
  return true;
}

// Pool lock held; nobody holds the heap any longer.
void putInPool(Heap* heap) noexcept {
  // seq_cst: pairs with pushInbox, see there.
  heap->held.store(false, std::memory_order_seq_cst);
  heap->threadId.store(0, std::memory_order_relaxed);
  if (heap->inbox.load(std::memory_order_seq_cst) != pages::kNoGranule) drainInbox(*heap);
  dropKept(*heap);
  (heap->isAwaited ? pool.awaited : pool.left).add(heap);
}

void park(Heap* heap) noexcept {
  surrender(*heap);
  base::MutexGuard guard(pool.lock);
  putInPool(heap);
}

// Above all frames of the thread that has its `self` there: thread-local memory lies at the upper end of a
// thread's stack; the main thread's ends below what the kernel put there, the address of the vDSO for one,
// which would look as if a signal handler were to return to it.
std::uintptr_t stackEndOf(const Heap& heap) noexcept {
  const bool isMain = heap.threadId.load(std::memory_order_relaxed) == os::processId();
  if (!isMain) return reinterpret_cast<std::uintptr_t>(heap.slot);
  return &__libc_stack_end != nullptr ? reinterpret_cast<std::uintptr_t>(__libc_stack_end)
                                      : getauxval(AT_RANDOM);
}

// Pool lock held. True: the heap is ours, and its thread, when it wakes, has none.
bool takeFromSleeper(Heap& heap) noexcept {
  const std::uint64_t thread = heap.threadId.load(std::memory_order_relaxed);
  SleepSeen seen = {};
  if (!sleepsOutsideOurCode(thread, stackEndOf(heap), &seen)) return false;
  const std::atomic_ref<HeapFront*> slot(*heap.slot);
  HeapFront* front = &heap;
  if (!slot.compare_exchange_strong(front, const_cast<HeapFront*>(&emptyHeap), std::memory_order_seq_cst)) {
    return false;
  }
  if (stillSleeps(thread, seen)) return true;
  // It may have run, and be anywhere. Whatever it read, it is right: it holds the heap, or waits for the pool
  // lock.
  slot.store(&heap, std::memory_order_seq_cst);
  return false;
}

}  // namespace

constinit const HeapFront emptyHeap = makeFront();

Heap* acquire(Heap* preferred) noexcept {
  if (Heap* heap = heldHeap()) return heap;
  Heap* heap = nullptr;
  do {
    waitForBorrowed();
  } while (!adopt(&heap, preferred));
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

// Not by `self`: that may be taken from a thread for a moment.
bool isLoan(const Heap*) noexcept {
  return exited;
}
void endLoan(Heap* heap) noexcept {
  park(heap);
}
bool threadMayHold() noexcept {
  return !exited;
}

namespace {

// Pool lock held: the thread ends, and what was taken from it is nobody's now.
void leaveLast() noexcept {
  Heap* heap = lastHeld;
  if (heap == nullptr || heap->orphan || !heap->isAwaited) return;
  heap->isAwaited = false;
  if (heap->held.load(std::memory_order_relaxed)) return;  // borrowed
  pool.awaited.remove(heap);
  pool.left.add(heap);
}

}  // namespace

void parkOwn() noexcept {
  Heap* heap = nullptr;
  {
    base::MutexGuard guard(pool.lock);  // upkeep changes `self` under it
    heap = heldHeap();
    if (heap == nullptr) {
      leaveLast();
      return;
    }
    self = const_cast<HeapFront*>(&emptyHeap);
    heap->slot = nullptr;
  }
  park(heap);
}

Heap* borrowParked() noexcept {
  base::MutexGuard guard(pool.lock);
  Heap* list = nullptr;
  for (IdleHeaps* idle : {&pool.left, &pool.awaited}) {
    Heap* next = idle->first;
    idle->first = nullptr;
    while (Heap* heap = next) {
      next = heap->nextInPool;
      heap->held.store(true, std::memory_order_relaxed);
      heap->borrowed = true;
      borrowedHeaps.fetch_add(1, std::memory_order_relaxed);
      heap->nextInPool = list;
      list = heap;
    }
  }
  return list;
}

Heap* borrowSleepers(bool all, Heap* list) noexcept {
  if (!canTellSleepers()) return list;
  for (Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextOfAll) {
    base::MutexGuard guard(pool.lock);
    if (heap->slot == nullptr || heap->slot == &self || heap->orphan) continue;
    const std::uint64_t ticks = heap->ticks.load(std::memory_order_relaxed);
    const bool moved = ticks != heap->ticksSeen;
    heap->ticksSeen = ticks;
    const bool woken = heap->inbox.load(std::memory_order_relaxed) != pages::kNoGranule;
    if ((moved && !all) || (ticks == heap->ticksTrimmed && !woken) || !takeFromSleeper(*heap)) continue;
    heap->slot = nullptr;
    heap->borrowed = true;
    heap->isAwaited = true;
    heap->threadId.store(0, std::memory_order_relaxed);
    borrowedHeaps.fetch_add(1, std::memory_order_relaxed);
    heap->nextInPool = list;
    list = heap;
  }
  return list;
}

void returnBorrowed(Heap* list, bool again) noexcept {
  base::MutexGuard guard(pool.lock);
  while (list != nullptr) {
    Heap* heap = list;
    list = heap->nextInPool;
    heap->borrowed = false;
    heap->ticksTrimmed = again ? ~std::uint64_t{0} : heap->ticks.load(std::memory_order_relaxed);
    putInPool(heap);
  }
  wanted.store(false, std::memory_order_relaxed);
  borrowedHeaps.store(0, std::memory_order_release);
}

void beginPass() noexcept {
  passLock.lock();
}
void endPass() noexcept {
  passLock.unlock();
}
void lockUpkeep() noexcept {
  upkeepLock.lock();
}
void unlockUpkeep() noexcept {
  upkeepLock.unlock();
}
bool heapsAreWanted() noexcept {
  return wanted.load(std::memory_order_relaxed);
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
  for (const IdleHeaps& idle : {pool.left, pool.awaited}) {
    for (Heap* heap = idle.first; heap != nullptr; heap = heap->nextInPool, ++drained) {
      drainInbox(*heap);
      dropKept(*heap);
    }
  }
  return drained;
}

void lockPool() noexcept {
  upkeepLock.lock();
  pool.lock.lock();
}
void unlockPool() noexcept {
  pool.lock.unlock();
  upkeepLock.unlock();
}

void poolInChild() noexcept {
  // Heaps of threads that are not here may be in the middle of anything: nobody will hold them again.
  Heap* own = heldHeap();
  for (Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextOfAll) {
    if (heap == own || !heap->held.load(std::memory_order_relaxed)) continue;
    if (heap->borrowed) {  // the upkeep lock was held across fork: it is whole
      heap->borrowed = false;
      putInPool(heap);
    } else {
      heap->orphan = true;
      heap->slot = nullptr;
    }
  }
  borrowedHeaps.store(0, std::memory_order_relaxed);
  wanted.store(false, std::memory_order_relaxed);
  upkeepLock.reset();
  passLock.reset();
  ++pool.forks;
  if (own != nullptr) {
    own->threadId.store(os::threadId(), std::memory_order_relaxed);
    own->forks = pool.forks;
  }
  pool.lock.reset();
  if (own != nullptr) redrawHeld(*own);
}

}  // namespace heapprof::heap

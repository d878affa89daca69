// The heap's part in fork(): every lock from here down is held across it, in their order, so that the child
// finds no books half written.
#include "runtime/heap/allocator.h"
#include "runtime/heap/pool.h"
#include "runtime/heap/samples.h"
#include "runtime/meta/meta_memory.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

namespace heapprof::heap {

void prepareFork() noexcept {
  sampling::prepareFork();  // first: who is inside the unwinder may still need the locks below
  lockPool();
  lockSamples();
  pages::prepareFork();
  meta::prepareFork();
}

void parentAfterFork() noexcept {
  meta::parentAfterFork();
  pages::parentAfterFork();
  unlockSamples();
  unlockPool();
  sampling::parentAfterFork();
}

void childAfterFork() noexcept {
  os::forgetThreadId();
  meta::resetAfterFork();
  pages::childAfterFork();
  resetSampleLocks();
  poolInChild();
  sampling::childAfterFork();
}

}  // namespace heapprof::heap

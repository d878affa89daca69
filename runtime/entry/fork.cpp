// The library's first words: the heap is made ready and the fork handlers are put in place before any thread
// of the program runs. Registered this early, our prepare handler is the last of all to run and our child
// handler the first, so other libraries' handlers may allocate.
#include <pthread.h>

#include "runtime/heap/allocator.h"

namespace {

void prepare() noexcept {
  heapprof::heap::prepareFork();
}
void parent() noexcept {
  heapprof::heap::parentAfterFork();
}
void child() noexcept {
  heapprof::heap::childAfterFork();
}

__attribute__((constructor(101))) void atLoad() noexcept {
  // Failing now only means that the first malloc tries again and says so by null.
  heapprof::heap::initialise();
  pthread_atfork(prepare, parent, child);
}

}  // namespace

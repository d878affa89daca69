#include "runtime/entry/fork.h"

#include <pthread.h>

#include "runtime/heap/allocator.h"

namespace heapprof::entry {
namespace {

void prepare() noexcept {
  heap::prepareFork();
}
void parent() noexcept {
  heap::parentAfterFork();
}
void child() noexcept {
  heap::childAfterFork();
}

}  // namespace

void installForkHandlers() noexcept {
  pthread_atfork(prepare, parent, child);
}

}  // namespace heapprof::entry

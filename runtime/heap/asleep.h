// Proof that another thread is outside our code, so that its heap may be taken from it while it sleeps.
//
// A thread that is blocked in a system call, made from outside our code, with no address of our code that a
// call may return to anywhere on its stack and no signal handler on it, is not inside malloc or free. What
// the kernel says of it is read twice; when both readings are the same (the same call, stack and code
// address, the same number of switches) it has not run between them, for it would have had to be switched out
// again. What is changed between the readings is changed while it sleeps, and the kernel's run queue lock
// orders it before whatever the thread does next.
//
// Invariant: any doubt is a no: what cannot be read, an unknown range of our own code (linked in statically),
// a stack deeper than kDeepest, another stack than the thread's own. Threads: the caller must be another one,
// and hold the pool lock.
#pragma once

#include <cstdint>

namespace heapprof::heap {

struct SleepSeen {
  std::uint64_t switches;
  char call[160];  // the line of /proc/self/task/T/syscall
};

// `stackEnd`: an address above all of its frames, on the same stack.
bool sleepsOutsideOurCode(std::uint64_t threadId, std::uintptr_t stackEnd, SleepSeen* seen) noexcept;
// Has not run since.
bool stillSleeps(std::uint64_t threadId, const SleepSeen& seen) noexcept;

// False where our code cannot be told from the program's.
bool canTellSleepers() noexcept;

}  // namespace heapprof::heap

#include "runtime/entry/helper.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "runtime/base/fatal.h"
#include "runtime/entry/control.h"
#include "runtime/heap/inspect.h"
#include "runtime/heap/upkeep.h"
#include "runtime/introspect/dump.h"
#include "runtime/introspect/text.h"
#include "runtime/os/bell.h"
#include "runtime/os/code_range.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

namespace heapprof::entry {
namespace {

using os::HelperState;

constexpr std::size_t kStackBytes = std::size_t{256} << 10;
constexpr std::uint64_t kEndCheckNanos = 1000000000;
// With less than this in use there is nothing that would pay for a thread.
constexpr std::uint64_t kLeastLiveBytes = std::uint64_t{8} << 20;

// Filled in order by addDuty(); a hole is the end.
constinit std::atomic<Duty> duties[kMaxDuties];
constinit std::atomic<bool> neededFromTheStart{false};
constinit std::atomic<bool> wantedSoon{false};

// The C library ends a process when its last thread does, and counts ours. So when the main thread has ended
// and nobody but it (a zombie) and ours is left, this thread does what the last one would have done.
bool nobodyElseIsLeft() noexcept {
  char text[512];
  const int fd = os::calls().openRead("/proc/self/stat");
  if (fd < 0) return false;
  const long size = os::calls().read(fd, text, sizeof text - 1);
  os::calls().close(fd);
  text[size > 0 ? size : 0] = '\0';
  const char* state = std::strrchr(text, ')');  // the name in brackets may hold anything
  if (state == nullptr || state[1] != ' ' || state[2] != 'Z') return false;
  // Field 20 is the number of threads; the state is field 3.
  const char* at = state + 2;
  for (int field = 3; field < 20 && at != nullptr; ++field) at = std::strchr(at + 1, ' ');
  if (at == nullptr) return false;
  introspect::skipSpaces(&at);
  return introspect::takeDecimal(&at) <= (controlThreadRuns() ? 3 : 2);
}

std::uint64_t sooner(std::uint64_t a, std::uint64_t b) noexcept {
  if (a == 0 || b == 0) return a + b;  // 0: never
  return a < b ? a : b;
}

// Runs every duty; the nanoseconds until the first of them is due.
std::uint64_t runDuties(std::uint32_t asked) noexcept {
  std::uint64_t due = 0;
  for (const std::atomic<Duty>& slot : duties) {
    const Duty duty = slot.load(std::memory_order_acquire);  // pairs with addDuty()
    if (duty == nullptr) break;
    due = sooner(due, duty(asked));
  }
  return due;
}

// The heap's rounds are counted in time: a duty that comes more often does not bring its sleep forward.
// `dueAt` 0: only when rung.
std::uint64_t keepHeapUp(std::uint32_t asked, std::uint64_t* dueAt) noexcept {
  const std::uint64_t now = os::calls().monotonicNanos();
  if (asked == 0 && (*dueAt == 0 || now < *dueAt)) return *dueAt == 0 ? 0 : *dueAt - now;
  const std::uint64_t due = heap::keepUp();
  *dueAt = due == 0 ? 0 : now + due;
  return due;
}

void* helperMain(void*) noexcept {
  std::uint64_t endCheck = 0;
  std::uint64_t heapDueAt = 1;  // at once
  for (;;) {
    const std::uint32_t asked = os::takeRings();
    if ((asked & os::kRingThreadEnded) != 0) endCheck = kEndCheckNanos;
    if (endCheck != 0 && nobodyElseIsLeft()) exit(0);
    const std::uint64_t due = runDuties(asked);
    os::waitForRing(sooner(due, sooner(keepHeapUp(asked, &heapDueAt), endCheck)));
  }
  return nullptr;
}

bool makeThread() noexcept {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, helperMain, nullptr);
  pthread_attr_destroy(&attributes);
  if (error == 0) pthread_setname_np(thread, "heapprof");
  os::helperState.store(error == 0 ? HelperState::kRunning : HelperState::kFailed, std::memory_order_release);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error == 0;
}

// A call from libc or ld.so may come in the middle of pthread_create, dlopen or worse; one from the program's
// own code, or a library's, does not.
bool isSuitableCaller(const void* frame) noexcept {
  if (frame == nullptr) return false;
  const auto caller = reinterpret_cast<std::uintptr_t>(static_cast<void* const*>(frame)[1]);
  return caller != 0 && !os::isLoadersOrLibcs(caller);
}

}  // namespace

void startHelperIfSuitable(const void* frame) noexcept {
  if (!isSuitableCaller(frame) || !introspect::isOwnProcess()) return;
  HelperState wanted = HelperState::kWanted;
  if (!os::helperState.compare_exchange_strong(wanted, HelperState::kStarting, std::memory_order_acq_rel))
    return;
  if (!wantedSoon.load(std::memory_order_relaxed) && heap::liveBytes() < kLeastLiveBytes) {
    pages::postponeHelper();
    os::helperState.store(HelperState::kUnborn, std::memory_order_release);
    return;
  }
  const int savedErrno = errno;
  makeThread();
  errno = savedErrno;
}

bool addDuty(Duty duty) noexcept {
  for (std::atomic<Duty>& slot : duties) {
    Duty expected = nullptr;
    // release: what the duty reads is written.
    if (slot.compare_exchange_strong(expected, duty, std::memory_order_acq_rel) || expected == duty)
      return true;
  }
  return false;
}

bool startHelper() noexcept {
  neededFromTheStart.store(true, std::memory_order_relaxed);
  const HelperState state = os::helperState.load(std::memory_order_acquire);
  if (state == HelperState::kRunning || state == HelperState::kStarting) return true;
  os::helperState.store(HelperState::kStarting, std::memory_order_release);
  return makeThread();
}

void wantHelperSoon() noexcept {
  wantedSoon.store(true, std::memory_order_relaxed);
  os::wantHelper();
}

bool helperIsAllowed() noexcept {
  return os::helperState.load(std::memory_order_acquire) != HelperState::kForbidden;
}

bool helperRuns() noexcept {
  return os::helperState.load(std::memory_order_acquire) == HelperState::kRunning;
}

void helperInChild() noexcept {
  os::bell.store(0, std::memory_order_relaxed);
  os::sleepsForGood.store(false, std::memory_order_relaxed);
  if (os::helperState.load(std::memory_order_relaxed) == HelperState::kForbidden) return;
  os::helperState.store(HelperState::kUnborn, std::memory_order_relaxed);
  if (neededFromTheStart.load(std::memory_order_relaxed)) {
    startHelper();
  } else if (wantedSoon.load(std::memory_order_relaxed)) {
    os::wantHelper();
  }
}

}  // namespace heapprof::entry

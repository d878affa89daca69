#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/fatal.h"
#include "runtime/config/options.h"
#include "runtime/entry/triggers.h"
#include "runtime/introspect/dump.h"
#include "runtime/introspect/text.h"
#include "runtime/os/os.h"

namespace heapprof::entry {
namespace {

constexpr std::size_t kStackBytes = std::size_t{256} << 10;
constexpr std::uint64_t kSecond = 1000000000;
constexpr std::uint64_t kIdleCheckNanos = 5 * kSecond;
// A second SIGTERM this long after the first ends the process at once; sooner, it is the same wish sent twice
// (a terminal's Ctrl-C reaches a whole process group, and its leader may pass it on).
constexpr std::uint64_t kPatienceNanos = kSecond;
constexpr std::uint64_t kLongestDumpNanos = 120 * kSecond;

// Requests to the helper, in the word that it sleeps on: bit 0 a dump, bits 8.. the signal to die of.
constexpr std::uint32_t kDumpRequest = 1;
constexpr unsigned kDeathShift = 8;
constinit std::atomic<std::uint32_t> requests{0};
constinit std::atomic<bool> helperRuns{false};
constinit std::atomic<std::uint64_t> deathAskedAt{0};
constinit bool wanted = false;  // written by the constructor, before other threads

void futexWait(std::atomic<std::uint32_t>* word, std::uint32_t seen, std::uint64_t nanos) noexcept {
  timespec timeout;
  timeout.tv_sec = static_cast<time_t>(nanos / kSecond);
  timeout.tv_nsec = static_cast<long>(nanos % kSecond);
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, &timeout, nullptr, 0);
}

void futexWake(std::atomic<std::uint32_t>* word) noexcept {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

// As if we had never been there: the exit status says which signal it was.
void dieOf(int signalNumber) noexcept {
  struct sigaction standard;
  std::memset(&standard, 0, sizeof standard);
  standard.sa_handler = SIG_DFL;
  sigaction(signalNumber, &standard, nullptr);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signalNumber);
  syscall(SYS_tgkill, getpid(), static_cast<pid_t>(syscall(SYS_gettid)), signalNumber);
  pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
}

void onDumpSignal(int) noexcept {
  const int savedErrno = errno;
  if (introspect::isOwnProcess() && helperRuns.load(std::memory_order_acquire)) {
    // release: pairs with the helper's exchange
    requests.fetch_or(kDumpRequest, std::memory_order_release);
    futexWake(&requests);
  }
  errno = savedErrno;
}

void onTermination(int signalNumber) noexcept {
  if (!introspect::isOwnProcess() || !helperRuns.load(std::memory_order_acquire)) {
    dieOf(signalNumber);
    return;
  }
  const std::uint64_t now = os::calls().monotonicNanos();
  std::uint64_t first = 0;
  if (!deathAskedAt.compare_exchange_strong(first, now, std::memory_order_acq_rel)) {
    if (now - first > kPatienceNanos) {
      introspect::abandonFile();
      dieOf(signalNumber);
    }
    return;
  }
  requests.fetch_or(static_cast<std::uint32_t>(signalNumber) << kDeathShift, std::memory_order_release);
  futexWake(&requests);
  // This thread is dead by the program's rules; it waits for the helper, which ends the process.
  std::atomic<std::uint32_t> never{0};
  const std::uint64_t deadline = now + kLongestDumpNanos;
  while (os::calls().monotonicNanos() < deadline) {
    futexWait(&never, 0, kSecond);
  }
  introspect::abandonFile();
  dieOf(signalNumber);
}

// The C library ends a process when its last thread does, and counts ours. So when the main thread has ended
// and nobody but it (a zombie) and this thread is left, this thread does what the last one would have done.
bool nobodyElseIsLeft() noexcept {
  char text[512];
  const int fd = os::calls().openRead("/proc/self/stat");
  if (fd < 0) {
    return false;
  }
  long size = os::calls().read(fd, text, sizeof text - 1);
  os::calls().close(fd);
  text[size > 0 ? size : 0] = '\0';
  const char* state = std::strrchr(text, ')');  // the name in brackets may hold anything
  if (state == nullptr || state[1] != ' ' || state[2] != 'Z') {
    return false;
  }
  // Field 20 is the number of threads; the state is field 3.
  const char* at = state + 2;
  for (int field = 3; field < 20 && at != nullptr; ++field) {
    at = std::strchr(at + 1, ' ');
  }
  if (at == nullptr) {
    return false;
  }
  introspect::skipSpaces(&at);
  return introspect::takeDecimal(&at) <= 2;
}

void serve(std::uint32_t asked) noexcept {
  const int death = static_cast<int>(asked >> kDeathShift);
  if (death != 0) {
    if (hasSomethingToDump()) {
      introspect::dumpToTemplate(introspect::Reason::kFatalSignal);
    }
    dieOf(death);
  } else if ((asked & kDumpRequest) != 0) {
    if (introspect::dumpToTemplate(introspect::Reason::kSignal) == EBUSY) {
      base::logLine("no dump for this signal: another one is being written");
    }
  }
}

void* helperMain(void*) noexcept {
  for (;;) {
    // acquire: pairs with the handlers' release
    const std::uint32_t asked = requests.exchange(0, std::memory_order_acquire);
    if (asked != 0) {
      serve(asked);
      continue;
    }
    futexWait(&requests, 0, kIdleCheckNanos);
    if (requests.load(std::memory_order_relaxed) == 0 && nobodyElseIsLeft()) {
      exit(0);
    }
  }
  return nullptr;
}

void startHelper() noexcept {
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
  if (error == 0) {
    pthread_setname_np(thread, "heapprof");
    helperRuns.store(true, std::memory_order_release);
  } else {
    base::logLine("no dumps by signal: the helper thread could not be started");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

bool dispositionIsDefault(int signalNumber) noexcept {
  struct sigaction now;
  return sigaction(signalNumber, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 &&
         now.sa_handler == SIG_DFL;
}

void handle(int signalNumber, void (*handler)(int)) noexcept {
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(signalNumber, &action, nullptr);
}

}  // namespace

void installSignalTriggers() noexcept {
  const config::Options& options = config::options();
  const config::DumpTriggers& dump = options.dump;
  if (dump.signal == 0 && !dump.atTermination) {
    return;
  }
  if (!options.background) {
    base::logLine(
        "dump=signal and dump=term need the helper thread, which background=0 forbids: no dumps by signal");
    return;
  }
  wanted = true;
  startHelper();
  if (!helperRuns.load(std::memory_order_relaxed)) {
    return;
  }
  if (dump.signal != 0) {
    handle(dump.signal, onDumpSignal);
  }
  for (const int signalNumber : {SIGINT, SIGTERM}) {
    if (dump.atTermination && signalNumber != dump.signal && dispositionIsDefault(signalNumber)) {
      handle(signalNumber, onTermination);
    }
  }
}

// Threads do not survive fork; the handlers do, so the child needs a helper of its own.
void signalTriggersInChild() noexcept {
  requests.store(0, std::memory_order_relaxed);
  deathAskedAt.store(0, std::memory_order_relaxed);
  helperRuns.store(false, std::memory_order_relaxed);
  if (wanted) {
    startHelper();
  }
}

}  // namespace heapprof::entry

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/fatal.h"
#include "runtime/base/in_child.h"
#include "runtime/config/options.h"
#include "runtime/entry/control_socket.h"
#include "runtime/entry/helper.h"
#include "runtime/entry/triggers.h"
#include "runtime/introspect/dump.h"
#include "runtime/os/bell.h"
#include "runtime/os/os.h"

namespace heapprof::entry {
namespace {

constexpr std::uint64_t kSecond = 1000000000;
// A second SIGTERM this long after the first ends the process at once; sooner, it is the same wish sent twice
// (a terminal's Ctrl-C reaches a whole process group, and its leader may pass it on).
constexpr std::uint64_t kPatienceNanos = kSecond;
constexpr std::uint64_t kLongestDumpNanos = 120 * kSecond;

constinit std::atomic<std::uint64_t> deathAskedAt{0};

void futexWait(std::atomic<std::uint32_t>* word, std::uint32_t seen, std::uint64_t nanos) noexcept {
  timespec timeout;
  timeout.tv_sec = static_cast<time_t>(nanos / kSecond);
  timeout.tv_nsec = static_cast<long>(nanos % kSecond);
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, &timeout, nullptr, 0);
}

// As if we had never been there: the exit status says which signal it was.
void dieOf(int signalNumber) noexcept {
  if (introspect::isOwnProcess()) removeControlSocket();
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
  if (introspect::isOwnProcess() && helperRuns()) {
    os::ring(os::kRingDump);
  }
  errno = savedErrno;
}

void onTermination(int signalNumber) noexcept {
  if (!introspect::isOwnProcess() || !helperRuns()) {
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
  os::ring(static_cast<std::uint32_t>(signalNumber) << os::kRingDeathShift);
  // This thread is dead by the program's rules; it waits for the helper, which ends the process.
  std::atomic<std::uint32_t> never{0};
  const std::uint64_t deadline = now + kLongestDumpNanos;
  while (os::calls().monotonicNanos() < deadline) {
    futexWait(&never, 0, kSecond);
  }
  introspect::abandonFile();
  dieOf(signalNumber);
}

std::uint64_t serve(std::uint32_t asked) noexcept {
  const int death = static_cast<int>(asked >> os::kRingDeathShift);
  if (death != 0) {
    if (hasSomethingToDump()) {
      introspect::dumpToTemplate(introspect::Reason::kFatalSignal);
    }
    dieOf(death);
  } else if ((asked & os::kRingDump) != 0) {
    if (introspect::dumpToTemplate(introspect::Reason::kSignal) == EBUSY) {
      base::logLine("no dump for this signal: another one is being written");
    }
  }
  return 0;
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
  if (!addDuty(serve) || !startHelper()) {
    base::logLine("no dumps by signal: the helper thread could not be started");
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

void signalTriggersInChild() noexcept {
  base::setInChild(deathAskedAt, 0);
}

}  // namespace heapprof::entry

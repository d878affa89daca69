#include "runtime/entry/triggers.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <pthread.h>

#include "runtime/config/options.h"
#include "runtime/entry/control.h"
#include "runtime/entry/control_socket.h"
#include "runtime/entry/helper.h"
#include "runtime/introspect/dump.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/sampler.h"

namespace heapprof::entry {
namespace {

constexpr std::uint64_t kPatienceNanos = std::uint64_t{10} * 1000000000;
constinit std::atomic<bool> started{false};

void afterForkInChild() noexcept {
  introspect::childAfterFork();
  signalTriggersInChild();
  timedTriggersInChild();
  timelineInChild();
  controlInChild();
  helperInChild();  // last: duties run at once
}

// Before the constructors of the program and of most libraries, after libc's own and the heap's (101), whose
// fork handlers so come first in a child.
__attribute__((constructor(102))) void atLoad() noexcept {
  startRecording();
}

// Among the last things at exit: after atexit handlers and static destructors, so that what they free is
// free.
__attribute__((destructor(101))) void atExit() noexcept {
  const config::Options& options = config::options();
  if (options.active && introspect::isOwnProcess()) removeControlSocket();
  // The helper thread dies with the process: what it is writing is either finished or taken away.
  if (introspect::isOwnProcess() && !introspect::waitForDumpInProgress(kPatienceNanos)) {
    introspect::abandonFile();
    return;
  }
  if (options.active && options.dump.atExit && hasSomethingToDump()) {
    introspect::dumpToTemplate(introspect::Reason::kExit);
  }
}

}  // namespace

bool hasSomethingToDump() noexcept {
  return sampling::statistics().recordsEver != 0 || config::options().dumpsWithoutSamples();
}

void startRecording() noexcept {
  if (started.exchange(true, std::memory_order_acq_rel)) {
    return;
  }
  const int savedErrno = errno;
  const config::Options& options = config::options();
  introspect::beginProcess();
  pthread_atfork(nullptr, nullptr, afterForkInChild);
  allowHelper();
  if (options.active) {
    if (options.sampleBytes != 0) {
      sampling::initialise();
      sampling::setIntervalBytes(options.sampleBytes);
    }
    installControl();  // first: its duty must be there when a trigger starts the helper
    installSignalTriggers();
    installTimedTriggers();
    installTimeline();
  }
  errno = savedErrno;
}

}  // namespace heapprof::entry

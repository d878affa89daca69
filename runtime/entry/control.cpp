#include "runtime/entry/control.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/fatal.h"
#include "runtime/base/in_child.h"
#include "runtime/config/options.h"
#include "runtime/entry/commands.h"
#include "runtime/entry/control_clients.h"
#include "runtime/entry/control_socket.h"
#include "runtime/entry/control_verbs.h"
#include "runtime/entry/helper.h"
#include "runtime/introspect/text.h"
#include "runtime/os/bell.h"
#include "runtime/os/os.h"

namespace heapprof::entry {
namespace {

constexpr std::size_t kStackBytes = std::size_t{256} << 10;
constexpr std::uint64_t kErrandNanos = std::uint64_t{5} * 1000000000;

constinit std::atomic<bool> runs{false};
// The helper's own. A process that ends or execs at once needs no socket, and would leave its file behind.
constexpr std::uint64_t kSettlesNanos = 100'000'000;
enum class Thread : std::uint8_t { kNotYet, kSoon, kMade };
constinit Thread thread = Thread::kNotYet;
constinit std::uint64_t makeAt = 0;

enum class Errand : std::uint8_t { kNone, kAsked, kDone };
constinit std::atomic<Errand> errand{Errand::kNone};
constinit std::atomic<std::uint64_t> errandInterval{0};

// What the program's 0, 1 and 2 are elsewhere must not become a socket here: a line for stderr would go to
// it.
bool occupyStandardDescriptors() noexcept {
  for (int i = 0; i < 3; ++i) {
    if (os::calls().openRead("/dev/null") != i) return false;
  }
  return true;
}

// This thread's stderr is /dev/null: the helper says it, and only where a place was asked for.
constinit std::atomic<int> failure{0};

void complain() noexcept {
  const config::Control& control = config::options().control;
  const int error = failure.exchange(0, std::memory_order_acquire);
  if (error != 0 && control.path[0] != '\0')
    base::logLine("no control socket at ", control.path, ": ", introspect::errorText(error));
}

void* controlMain(void*) noexcept {
  int listener = -1;
  if (os::calls().takeEmptyDescriptorTable() && occupyStandardDescriptors()) listener = openControlSocket();
  if (listener >= 0) {
    serveClients(listener);
  } else {
    failure.store(errno, std::memory_order_release);
    os::ring(os::kRingControl);
  }
  runs.store(false, std::memory_order_release);
  return nullptr;
}

void makeThread() noexcept {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t made;
  runs.store(true, std::memory_order_release);
  // The helper blocks all signals, and so does what it makes.
  if (pthread_create(&made, &attributes, controlMain, nullptr) == 0) {
    pthread_setname_np(made, "heapprof-ctl");
  } else {
    runs.store(false, std::memory_order_release);
  }
  pthread_attr_destroy(&attributes);
}

std::uint64_t controlDuty(std::uint32_t rung) noexcept {
  complain();
  // acquire: pairs with changeIntervalOnHelper()
  if ((rung & os::kRingControl) != 0 && errand.load(std::memory_order_acquire) == Errand::kAsked) {
    changeInterval(errandInterval.load(std::memory_order_relaxed));
    errand.store(Errand::kDone, std::memory_order_release);
  }
  if (thread == Thread::kMade) return 0;
  const std::uint64_t now = os::calls().monotonicNanos();
  if (thread == Thread::kNotYet) makeAt = now + kSettlesNanos;
  thread = Thread::kSoon;
  if (now < makeAt) return makeAt - now;
  thread = Thread::kMade;
  makeThread();
  return 0;
}

}  // namespace

int changeIntervalOnHelper(std::uint64_t interval) noexcept {
  if (errand.load(std::memory_order_acquire) == Errand::kAsked) return EBUSY;
  errandInterval.store(interval, std::memory_order_relaxed);
  errand.store(Errand::kAsked, std::memory_order_release);  // pairs with controlDuty()
  os::ring(os::kRingControl);
  const std::uint64_t deadline = os::calls().monotonicNanos() + kErrandNanos;
  while (errand.load(std::memory_order_acquire) != Errand::kDone) {
    if (os::calls().monotonicNanos() > deadline) return EBUSY;
    const timespec pause{0, 500000};
    nanosleep(&pause, nullptr);
  }
  return 0;
}

void installControl() noexcept {
  const config::Options& options = config::options();
  if (!options.control.on || !helperIsAllowed()) {
    if (options.control.path[0] != '\0')
      base::logLine("control= needs the helper thread, which background=0 forbids: no control socket");
    return;
  }
  if (chooseControlPlace(options.control) && addDuty(controlDuty)) wantHelperSoon();
}

void controlInChild() noexcept {
  forgetControlSocket();
  base::setInChild(runs, false);
  base::setInChild(errand, Errand::kNone);
  base::setInChild(thread, Thread::kNotYet);
}

bool controlThreadRuns() noexcept {
  return runs.load(std::memory_order_acquire);
}

}  // namespace heapprof::entry

#include "runtime/os/fake.h"

#include <cstring>
#include <errno.h>

namespace heapprof::os {
namespace {

constexpr std::size_t kKinds = static_cast<std::size_t>(CallKind::kCount);

// Atomics, because tests with threads run under ThreadSanitizer; relaxed, because nothing is published by
// them.
struct Plan {
  std::atomic<std::uint64_t> made{0};
  std::atomic<std::uint64_t> failFrom{0};  // 0: never
  std::atomic<std::uint64_t> failTo{0};    // inclusive
  std::atomic<int> error{0};               // 0: the usual one
  std::atomic<std::uint64_t> nanos{0};     // by the fake's own clock
};

constinit Plan plans[kKinds];
constinit Plan memoryPlan;
constinit std::atomic<std::uint64_t> failed{0};
constinit std::atomic<bool> ownClock{false};
constinit std::atomic<std::uint64_t> monotonicNow{0};
constinit std::atomic<std::uint64_t> realtimeNow{0};

constinit std::atomic<const char*> redirectFrom{nullptr};
constinit std::atomic<const char*> redirectTo{nullptr};

const char* redirected(const char* path) noexcept {
  const char* from = redirectFrom.load(std::memory_order_relaxed);
  return from != nullptr && std::strcmp(path, from) == 0 ? redirectTo.load(std::memory_order_relaxed) : path;
}

void pass(std::uint64_t nanos) noexcept {
  monotonicNow.fetch_add(nanos, std::memory_order_relaxed);
  realtimeNow.fetch_add(nanos, std::memory_order_relaxed);
}

bool due(Plan& plan) noexcept {
  pass(plan.nanos.load(std::memory_order_relaxed));
  const std::uint64_t number = plan.made.fetch_add(1, std::memory_order_relaxed) + 1;
  const std::uint64_t from = plan.failFrom.load(std::memory_order_relaxed);
  return from != 0 && number >= from && number <= plan.failTo.load(std::memory_order_relaxed);
}

void arm(Plan& plan, std::uint64_t nth, std::uint64_t more, int error = 0) noexcept {
  plan.error.store(error, std::memory_order_relaxed);
  const std::uint64_t now = plan.made.load(std::memory_order_relaxed);
  plan.failTo.store(nth == 0 ? 0 : now + nth + more, std::memory_order_relaxed);
  plan.failFrom.store(nth == 0 ? 0 : now + nth, std::memory_order_relaxed);
}

// True when this call is to fail; errno is set then.
bool fails(CallKind kind) noexcept {
  bool answer = due(plans[static_cast<std::size_t>(kind)]);
  const bool memory =
      kind == CallKind::kReserve || kind == CallKind::kCommit || kind == CallKind::kMapMetadata;
  if (memory && due(memoryPlan)) answer = true;
  if (!answer) return false;
  failed.fetch_add(1, std::memory_order_relaxed);
  const int error = plans[static_cast<std::size_t>(kind)].error.load(std::memory_order_relaxed);
  errno = error != 0 ? error : kind < CallKind::kOpenRead ? ENOMEM : EIO;
  return true;
}

constinit const Calls fakeCalls = {
    .reserve = [](std::size_t bytes, std::size_t alignment) -> void* {
      return fails(CallKind::kReserve) ? nullptr : kernel().reserve(bytes, alignment);
    },
    .unreserve =
        [](void* start, std::size_t bytes) {
          return !fails(CallKind::kUnreserve) && kernel().unreserve(start, bytes);
        },
    .commit = [](void* start,
                 std::size_t bytes) { return !fails(CallKind::kCommit) && kernel().commit(start, bytes); },
    .discard = [](void* start,
                  std::size_t bytes) { return !fails(CallKind::kDiscard) && kernel().discard(start, bytes); },
    .discardMany =
        [](const Range* ranges, std::size_t count) {
          return !fails(CallKind::kDiscard) && kernel().discardMany(ranges, count);
        },
    .populate = [](void* start, std::size_t bytes) { kernel().populate(start, bytes); },
    .residentPages =
        [](void* start, std::size_t bytes, unsigned char* pages) {
          return !fails(CallKind::kResidentPages) && kernel().residentPages(start, bytes, pages);
        },
    .mapMetadata = [](std::size_t bytes) -> void* {
      return fails(CallKind::kMapMetadata) ? nullptr : kernel().mapMetadata(bytes);
    },
    .adviseHuge =
        [](void* start, std::size_t bytes, bool huge) {
          return !fails(CallKind::kAdviseHuge) && kernel().adviseHuge(start, bytes, huge);
        },
    .collapse =
        [](void* start, std::size_t bytes) {
          return !fails(CallKind::kCollapse) && kernel().collapse(start, bytes);
        },
    .cold = [](void* start,
               std::size_t bytes) { return !fails(CallKind::kCold) && kernel().cold(start, bytes); },
    .moveMapping =
        [](void* from, void* to, std::size_t bytes) {
          return !fails(CallKind::kMoveMapping) && kernel().moveMapping(from, to, bytes);
        },
    .openRead =
        [](const char* path) {
          return fails(CallKind::kOpenRead) ? -1 : kernel().openRead(redirected(path));
        },
    .createNew =
        [](const char* path, std::uint32_t mode) {
          return fails(CallKind::kCreateNew) ? -1 : kernel().createNew(path, mode);
        },
    .read = [](int fd, void* buffer,
               std::size_t bytes) { return fails(CallKind::kRead) ? -1L : kernel().read(fd, buffer, bytes); },
    .readAt =
        [](int fd, void* buffer, std::size_t bytes, std::uint64_t offset) {
          return fails(CallKind::kRead) ? -1L : kernel().readAt(fd, buffer, bytes, offset);
        },
    .write =
        [](int fd, const void* buffer, std::size_t bytes) {
          return fails(CallKind::kWrite) ? -1L : kernel().write(fd, buffer, bytes);
        },
    .close = [](int fd) { return !fails(CallKind::kClose) && kernel().close(fd); },
    .renameNoReplace =
        [](const char* from, const char* to) {
          return !fails(CallKind::kRename) && kernel().renameNoReplace(from, to);
        },
    .unlink = [](const char* path) { return !fails(CallKind::kUnlink) && kernel().unlink(path); },
    .takeEmptyDescriptorTable =
        [] { return !fails(CallKind::kDescriptorTable) && kernel().takeEmptyDescriptorTable(); },
    .listenUnix =
        [](const char* path, std::uint32_t mode) {
          return fails(CallKind::kListen) ? -1 : kernel().listenUnix(path, mode);
        },
    .connectUnix =
        [](const char* path) { return fails(CallKind::kConnect) ? -1 : kernel().connectUnix(path); },
    .acceptUnix = [](int socket) { return fails(CallKind::kAccept) ? -1 : kernel().acceptUnix(socket); },
    .pagemapScan =
        [](int fd, void* arguments) {
          return fails(CallKind::kPagemapScan) ? -1L : kernel().pagemapScan(fd, arguments);
        },
    .monotonicNanos =
        [] {
          return ownClock.load(std::memory_order_relaxed) ? monotonicNow.load(std::memory_order_relaxed)
                                                          : kernel().monotonicNanos();
        },
    .realtimeNanos =
        [] {
          return ownClock.load(std::memory_order_relaxed) ? realtimeNow.load(std::memory_order_relaxed)
                                                          : kernel().realtimeNanos();
        },
    .pause =
        [](std::uint64_t nanos) {
          due(plans[static_cast<std::size_t>(CallKind::kPause)]);
          if (ownClock.load(std::memory_order_relaxed)) {
            pass(nanos);
          } else {
            kernel().pause(nanos);
          }
        },
};

void clear(Plan& plan) noexcept {
  plan.made.store(0, std::memory_order_relaxed);
  plan.nanos.store(0, std::memory_order_relaxed);
  arm(plan, 0, 0);
}

}  // namespace

Fake::Fake() noexcept {
  for (Plan& plan : plans) clear(plan);
  clear(memoryPlan);
  failed.store(0, std::memory_order_relaxed);
  ownClock.store(false, std::memory_order_relaxed);
  redirect(nullptr, nullptr);
  replaceCalls(&fakeCalls);
}

Fake::~Fake() {
  replaceCalls(nullptr);
}

void Fake::failNth(CallKind kind, std::uint64_t nth, std::uint64_t more, int error) noexcept {
  arm(plans[static_cast<std::size_t>(kind)], nth, more, error);
}

void Fake::redirect(const char* path, const char* instead) noexcept {
  redirectTo.store(instead, std::memory_order_relaxed);
  redirectFrom.store(path, std::memory_order_relaxed);
}

void Fake::failNthMemoryCall(std::uint64_t nth, std::uint64_t more) noexcept {
  arm(memoryPlan, nth, more);
}

std::uint64_t Fake::callsOf(CallKind kind) const noexcept {
  return plans[static_cast<std::size_t>(kind)].made.load(std::memory_order_relaxed);
}

std::uint64_t Fake::failures() const noexcept {
  return failed.load(std::memory_order_relaxed);
}

void Fake::setClock(std::uint64_t monotonicNanos, std::uint64_t realtimeNanos) noexcept {
  monotonicNow.store(monotonicNanos, std::memory_order_relaxed);
  realtimeNow.store(realtimeNanos, std::memory_order_relaxed);
  ownClock.store(true, std::memory_order_relaxed);
}

void Fake::advanceClock(std::uint64_t nanos) noexcept {
  pass(nanos);
}

void Fake::takes(CallKind kind, std::uint64_t nanos) noexcept {
  plans[static_cast<std::size_t>(kind)].nanos.store(nanos, std::memory_order_relaxed);
}

}  // namespace heapprof::os

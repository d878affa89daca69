#include "runtime/pages/huge.h"

#include <errno.h>

#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "runtime/os/thp.h"

extern char** environ;

namespace heapprof::pages {
namespace {

using Counter = std::atomic<std::uint64_t>;
constexpr unsigned kCauses = static_cast<unsigned>(Cause::kCount);
constexpr int kErrors[kCauses] = {EAGAIN, ENOMEM, EINVAL, EBUSY, 0};

constinit Counter formed{0}, nowHuge{0}, broken{0}, nanos{0}, shared{0};
constinit Counter refusals[kCauses] = {};
constinit std::atomic<Forming> state{Forming::kUntried};
constinit std::atomic<const char*> detail{""};
constinit std::atomic<bool> advised{false};
// Some region is left to a setting `always`.
constinit std::atomic<bool> inflates{false};

void add(Counter& counter, std::uint64_t value) noexcept {
  counter.fetch_add(value, std::memory_order_relaxed);
}
std::uint64_t get(const Counter& counter) noexcept {
  return counter.load(std::memory_order_relaxed);
}

}  // namespace

bool breakUnit(Unit& unit, std::uintptr_t page) noexcept {
  const bool known = unit.huge.exchange(0, std::memory_order_relaxed) != 0;
  if (!known && !kernelFormsByItself()) return false;
  const std::uintptr_t start = page & ~std::uintptr_t{os::pageBytes() - 1};
  os::calls().cold(reinterpret_cast<void*>(start), os::pageBytes());
  if (!known) return false;
  add(broken, 1);
  nowHuge.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void forgetHuge(Unit& unit) noexcept {
  if (unit.huge.exchange(0, std::memory_order_relaxed) != 0) nowHuge.fetch_sub(1, std::memory_order_relaxed);
}

void noteFormed(Unit& unit) noexcept {
  add(formed, 1);
  if (unit.huge.exchange(1, std::memory_order_relaxed) == 0) add(nowHuge, 1);
}

std::uint64_t hugeUnits() noexcept {
  return get(nowHuge);
}

bool kernelFormsByItself() noexcept {
  return inflates.load(std::memory_order_relaxed);
}

void adviseRegion(const Region& region) noexcept {
  const bool wanted = environ != nullptr && config::options().thp == config::ThpMode::kAlways;
  const std::size_t bytes = std::size_t{region.granules} << kGranuleShift;
  const int savedErrno = errno;
  if (!wanted && os::calls().adviseHuge(reinterpret_cast<void*>(region.start), bytes, false)) {
    advised.store(true, std::memory_order_relaxed);
  } else if (os::faultsMayBeHuge()) {
    inflates.store(true, std::memory_order_relaxed);
  }
  errno = savedErrno;
}

bool regionsAreAdvised() noexcept {
  return advised.load(std::memory_order_relaxed);
}

HugeTotals hugeTotals() noexcept {
  HugeTotals totals = {state.load(std::memory_order_relaxed),
                       detail.load(std::memory_order_relaxed),
                       get(formed),
                       get(nowHuge),
                       get(broken),
                       get(nanos),
                       {},
                       get(shared)};
  for (unsigned i = 0; i < kCauses; ++i) totals.refusals[i] = get(refusals[i]);
  return totals;
}

int errorOf(Cause cause) noexcept {
  return kErrors[static_cast<unsigned>(cause)];
}

void setForming(Forming newState, const char* why) noexcept {
  state.store(newState, std::memory_order_relaxed);
  detail.store(why, std::memory_order_relaxed);
}

void noteRefusal(int error) noexcept {
  unsigned cause = 0;
  while (cause + 1 < kCauses && kErrors[cause] != error) ++cause;
  add(refusals[cause], 1);
}

void noteSkippedShared() noexcept {
  add(shared, 1);
}
void noteFormingTime(std::uint64_t time) noexcept {
  add(nanos, time);
}

}  // namespace heapprof::pages

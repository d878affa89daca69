#include "runtime/pages/forming.h"

#include <errno.h>

#include "runtime/base/bits.h"
#include "runtime/base/mutex.h"
#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "runtime/os/thp.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/purging.h"
#include "runtime/pages/rhythm.h"

extern char** environ;

namespace heapprof::pages {

namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kSecond = 1000 * kMillisecond;
// After one collapse, which holds the processor for a millisecond, and the address space for half of it.
constexpr std::uint64_t kPauseNanos = 10 * kMillisecond;
constexpr std::uint64_t kQuietPauseNanos = 3 * kMillisecond;  // when nobody allocates
constexpr std::uint32_t kUnitsARound = 4096;
// Who faults would wait for a collapse: while there are more faults than this, only every so many a look is
// one.
constexpr std::uint64_t kNanosAFault = kMillisecond;
constexpr unsigned kLooksPutOff = 100;
// What comes and goes is known by the second time (comesAndGoes): the first costs a collapse that pays
// little.
constexpr std::uint64_t kLeastAgeNanos = kSecond;
constexpr std::uint64_t kYoungNanos = kSecond / 4;  // until the next look at units that are younger
constexpr std::uint64_t kCalmNanos = 60 * kSecond;  // since a unit with a rhythm emptied or filled last
constexpr std::uint64_t kSettingsNanos = 10 * kSecond;
// Processor time of all collapses together: this at first, then a part of the time that passes.
constexpr std::uint64_t kCreditNanos = kSecond + kSecond / 2;
constexpr std::uint64_t kShare = 20;
// Refusals in a row: each doubles the pause.
constexpr std::uint64_t kLeastBackOff = kSecond;
constexpr std::uint64_t kMostBackOff = 64 * kSecond;
constexpr std::uint32_t kMostRefusals = 8;
constexpr std::uint64_t kHopelessNanos = 600 * kSecond;  // a unit that was refused so often
constexpr std::size_t kMostUnitPages = kUnitBytes / 4096;

constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kExclusive = std::uint64_t{1} << 56;

constinit std::atomic<bool> hasForked{false};
constinit std::atomic<bool> paused{false};
constinit std::atomic<bool> isOn{false};

// The helper's own, but for the start of a child's.
struct Pace {
  std::uint64_t startedNanos = 0;
  std::uint64_t spentNanos = 0;
  std::uint64_t settingsNanos = 0;  // when they were read; 0: never
  std::uint64_t notBefore = 0;
  std::uint64_t backOff = kLeastBackOff;
  std::uint32_t refusalsInARow = 0;
  std::uint64_t faults = 0;  // of the other threads, at the last look
  std::uint64_t faultsNanos = 0;
  unsigned putOff = 0;  // looks in a row
  bool everFormed = false;
  bool hopeless = false;   // it will never work in this process
  std::size_t region = 0;  // where the last round ended
  std::uint32_t unit = 0;
};
constinit Pace pace;

// What /proc/self/pagemap says of a unit.
class Pagemap {
 public:
  Pagemap() noexcept = default;
  ~Pagemap() {
    if (fd_ >= 0) os::calls().close(fd_);
  }
  Pagemap(const Pagemap&) = delete;
  Pagemap& operator=(const Pagemap&) = delete;

  struct Answer {
    std::uint32_t resident = 0;
    bool shared = false;
  };
  // False: cannot be known.
  bool ask(std::uintptr_t start, Answer* out) noexcept {
    const std::size_t page = os::pageBytes();
    const std::size_t pages = kUnitBytes / page;
    if (fd_ == kNotOpened) fd_ = os::calls().openRead("/proc/thread-self/pagemap");
    if (fd_ >= 0) {
      const auto size = static_cast<long>(pages * 8);
      if (os::calls().readAt(fd_, entries_, pages * 8, start / page * 8) == size) {
        for (std::size_t i = 0; i < pages; ++i) {
          if ((entries_[i] & kPresent) == 0) continue;
          ++out->resident;
          out->shared = out->shared || (entries_[i] & kExclusive) == 0;
        }
        return true;
      }
    }
    unsigned char resident[kMostUnitPages];
    if (hasForked.load(std::memory_order_relaxed)) return false;
    if (!os::calls().residentPages(reinterpret_cast<void*>(start), kUnitBytes, resident)) return false;
    for (std::size_t i = 0; i < pages; ++i) out->resident += resident[i] & 1;
    return true;
  }

 private:
  static constexpr int kNotOpened = -2;  // most rounds ask nothing
  int fd_ = kNotOpened;
  std::uint64_t entries_[kMostUnitPages];
};

// Whether it may be tried at all; says so for dumps.
bool mayForm(std::uint64_t now) noexcept {
  if (pace.hopeless) return false;
  if (pace.settingsNanos != 0 && now - pace.settingsNanos < kSettingsNanos) {
    return isOn.load(std::memory_order_relaxed);
  }
  pace.settingsNanos = now;
  const config::ThpMode mode = environ == nullptr ? config::ThpMode::kAuto : config::options().thp;
  const os::ThpSetting setting = os::readThpSetting();
  const char* why = nullptr;
  Forming state = Forming::kOff;
  if (mode == config::ThpMode::kNever) {
    why = "thp=never";
  } else if (os::geometry().hugePageBytes != kUnitBytes) {
    state = Forming::kAbsent;
    why = os::geometry().hugePageBytes == 0 ? "the kernel has no transparent huge pages"
                                            : "the kernel's huge page is not 2 MiB";
  } else if (os::thpIsDisabledHere()) {
    state = Forming::kRefused;
    why = "PR_SET_THP_DISABLE";
  } else if (setting == os::ThpSetting::kNever && mode != config::ThpMode::kAlways) {
    why = "the system's setting is never";
  }
  isOn.store(why == nullptr, std::memory_order_relaxed);
  if (why != nullptr) {
    setForming(state, why);
  } else if (const Forming before = hugeTotals().forming;
             before != Forming::kWorks && before != Forming::kUntried) {
    setForming(Forming::kUntried, "");
  }
  return why == nullptr;
}

enum class Outcome : std::uint8_t { kFormed, kNotNow, kYoung, kWaits, kRefused, kPutOff };

bool isRecent(std::uint32_t stamp, std::uint64_t now, std::uint64_t nanos = kDwellNanos) noexcept {
  return stamp != 0 && millisOf(now) - stamp < nanos / kMillisecond;
}

// It has emptied and filled again, and did so lately: the next fall would break it.
bool comesAndGoes(const Unit& unit, std::uint64_t now) noexcept {
  return unit.rhythm.awayMillis.load(std::memory_order_relaxed) != 0 &&
         millisOf(now) - unit.rhythm.emptiedMillis < kCalmNanos / kMillisecond;
}

// The kernel will not, and why.
void backOff(Unit& unit, int error, std::uint64_t now) noexcept {
  noteRefusal(error);
  if (unit.refusals != 0xff) ++unit.refusals;
  ++pace.refusalsInARow;
  if (error == EPERM || error == EACCES || error == ENOSYS) {
    pace.hopeless = true;
    isOn.store(false, std::memory_order_relaxed);
    setForming(Forming::kRefused, "MADV_COLLAPSE is denied");
    return;
  }
  if (!pace.everFormed && error == EINVAL && pace.refusalsInARow >= kMostRefusals) {
    pace.hopeless = true;
    isOn.store(false, std::memory_order_relaxed);
    setForming(Forming::kAbsent, "MADV_COLLAPSE, Linux 6.1");
    return;
  }
  // A page of this unit is busy: the next one may do. Want of huge pages, or what is refused time and again,
  // is not about the unit.
  if (error != ENOMEM && pace.refusalsInARow < kMostRefusals) return;
  pace.notBefore = now + pace.backOff;
  pace.backOff = pace.backOff * 2 < kMostBackOff ? pace.backOff * 2 : kMostBackOff;
}

// The unit is one huge page now: all of it holds memory.
void fileFormed(std::uint32_t number) noexcept {
  base::MutexGuard guard(book.lock);
  Unit& unit = unitByNumber(number);
  const std::uint64_t used = unit.used.load(std::memory_order_relaxed);
  const std::uint64_t backed = unit.backed.load(std::memory_order_relaxed);
  const std::uint64_t gained = kAllGranules & ~used & ~backed;
  unit.backed.store(backed | gained, std::memory_order_relaxed);
  unit.purged &= ~gained;
  book.freeBackedGranules += base::bitCount(gained);
  if (gained != 0) book.raiseMarks((number << kUnitGranulesShift) + kUnitGranules - 1);
  noteFormed(unit);
}

Outcome collapse(std::uint32_t number, std::uint64_t now) noexcept {
  Unit& unit = unitByNumber(number);
  void* start = reinterpret_cast<void*>(addressOf(number << kUnitGranulesShift));
  const std::uint64_t before = os::calls().monotonicNanos();
  const std::uint64_t cpuBefore = os::threadCpuNanos();
  // Our regions are NOHUGEPAGE but for the moment of a collapse.
  const bool advises = regionsAreAdvised() || kernelFormsByItself();
  if (advises) os::calls().adviseHuge(start, kUnitBytes, true);
  const bool good = os::calls().collapse(start, kUnitBytes);
  const int error = errno;
  if (advises && !kernelFormsByItself()) os::calls().adviseHuge(start, kUnitBytes, false);
  pace.spentNanos += os::threadCpuNanos() - cpuBefore;
  noteFormingTime(os::calls().monotonicNanos() - before);
  unit.triedMillis = millisOf(now) | 1;
  if (!good) {
    backOff(unit, error, now);
    return Outcome::kRefused;
  }
  unit.refusals = 0;
  pace.refusalsInARow = 0;
  pace.backOff = kLeastBackOff;
  pace.everFormed = true;
  setForming(Forming::kWorks, "");
  fileFormed(number);
  return Outcome::kFormed;
}

// Other threads fault so often that a collapse would meet one, or it is not known.
bool faultsAbound(std::uint64_t now) noexcept {
  const std::uint64_t faults = os::faultsOfOthers();
  const std::uint64_t elapsed = now - pace.faultsNanos;
  const bool many = elapsed > kSecond || (faults - pace.faults) * kNanosAFault > elapsed;
  pace.faults = faults;
  pace.faultsNanos = now;
  if (!many || ++pace.putOff == kLooksPutOff) pace.putOff = 0;
  return pace.putOff != 0;
}

Outcome consider(std::uint32_t number, Pagemap& pagemap, std::uint64_t now) noexcept {
  Unit& unit = unitByNumber(number);
  if (isHuge(unit)) return Outcome::kNotNow;
  if (base::bitCount(unit.used.load(std::memory_order_relaxed)) < kDenseGranules) return Outcome::kNotNow;
  if (unit.refusals >= kMostRefusals) {
    if (isRecent(unit.triedMillis, now, kHopelessNanos)) return Outcome::kNotNow;
    unit.refusals = 0;
  }
  if (now - unit.bornNanos.load(std::memory_order_relaxed) < kLeastAgeNanos) return Outcome::kYoung;
  if (isRecent(unit.purgedMillis.load(std::memory_order_relaxed), now)) return Outcome::kWaits;
  if (comesAndGoes(unit, now)) return Outcome::kWaits;
  if (isRecent(unit.triedMillis, now)) return unit.refusals != 0 ? Outcome::kWaits : Outcome::kNotNow;
  if (faultsAbound(now)) return Outcome::kPutOff;
  if (!purgeLock.tryLock()) return Outcome::kWaits;
  // Again, now that no batch is out: what is out counts as used.
  Outcome outcome = Outcome::kNotNow;
  if (base::bitCount(unit.used.load(std::memory_order_relaxed)) >= kDenseGranules) {
    Pagemap::Answer answer;
    const auto pages = static_cast<std::uint32_t>(kUnitBytes / os::pageBytes());
    const bool known = pagemap.ask(addressOf(number << kUnitGranulesShift), &answer);
    if (known && answer.shared) noteSkippedShared();
    if (known && !answer.shared && answer.resident >= pages - pages / 10) {
      outcome = collapse(number, now);
    } else {
      unit.triedMillis = millisOf(now) | 1;
    }
  }
  purgeLock.unlock();
  return outcome;
}

}  // namespace

std::uint64_t formHugePages(bool quiet) noexcept {
  const std::uint64_t now = os::calls().monotonicNanos();
  if (pace.startedNanos == 0) pace.startedNanos = now;
  if (!mayForm(now) || paused.load(std::memory_order_relaxed)) return 0;
  if (now < pace.notBefore) return pace.refusalsInARow < 2 * kMostRefusals ? pace.notBefore - now : 0;
  const std::uint64_t allowed = kCreditNanos + (now - pace.startedNanos) / kShare;
  if (pace.spentNanos > allowed) return (pace.spentNanos - allowed) * kShare;
  const std::uint64_t pause = quiet ? kQuietPauseNanos : kPauseNanos;
  Pagemap pagemap;
  bool tried = false;
  bool waits = false, young = false;
  std::uint32_t looked = 0;
  for (; pace.region < regionCount(); ++pace.region, pace.unit = 0) {
    const Region& region = regionAt(pace.region);
    const std::uint32_t first = region.first >> kUnitGranulesShift;
    const std::uint32_t units = region.committed.load(std::memory_order_acquire) >> kUnitGranulesShift;
    if (pace.region == 0 && pace.unit == 0) pace.unit = 1;  // unit 0 is nobody's
    for (; pace.unit < units; ++pace.unit) {
      if (tried || ++looked > kUnitsARound || now < pace.notBefore || pace.hopeless) return pause;
      const Outcome outcome = consider(first + pace.unit, pagemap, now);
      if (outcome == Outcome::kPutOff) return pause;  // the same one next time
      tried = tried || outcome == Outcome::kFormed || outcome == Outcome::kRefused;
      young = young || outcome == Outcome::kYoung;
      waits = waits || outcome == Outcome::kWaits || outcome == Outcome::kRefused;
    }
  }
  pace.region = 0;
  pace.unit = 0;
  if (tried) return pause;
  return young ? kYoungNanos : waits ? kSecond : 0;
}

void pauseForming(bool pause) noexcept {
  paused.store(pause, std::memory_order_relaxed);
}

bool formingIsOn() noexcept {
  return isOn.load(std::memory_order_relaxed);
}

void noteFork() noexcept {
  hasForked.store(true, std::memory_order_relaxed);
}

void restartForming() noexcept {
  pace = Pace();
}

}  // namespace heapprof::pages

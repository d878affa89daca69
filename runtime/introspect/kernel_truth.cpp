#include "runtime/introspect/kernel_truth.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <unistd.h>

#include "runtime/introspect/proc_self.h"
#include "runtime/os/os.h"

namespace heapprof::introspect {
namespace {

// Of <linux/fs.h> since 6.7; written out because older headers lack them.
struct ScanArguments {
  std::uint64_t size, flags, start, end, walkEnd, vec, vecLength, maxPages;
  std::uint64_t categoryInverted, categoryMask, categoryAnyOf, returnMask;
};
static_assert(sizeof(ScanArguments) == 96);
constexpr std::uint64_t kIsPresent = 1u << 3;
constexpr std::uint64_t kIsSwapped = 1u << 4;
constexpr std::uint64_t kIsZeroPage = 1u << 5;
constexpr std::uint64_t kIsHuge = 1u << 6;

// Bits of a /proc/self/pagemap entry (Documentation/admin-guide/mm/pagemap.rst).
constexpr std::uint64_t kEntryPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kEntrySwapped = std::uint64_t{1} << 62;

constexpr std::size_t kRegions = 1024;
constexpr std::size_t kEntries = 8192;
constexpr std::size_t kWindowPages = 16384;  // 64 MiB of 4 KiB pages
constexpr std::size_t kWindowWords = kWindowPages / 64;
constexpr std::size_t kMostWindows = 32;          // 192 KiB of bits
constexpr std::uint64_t kMaxPagesPerCall = 2048;  // 80 us: bounds how long mmap's lock is held
// Page tables that were emptied are walked all the same: 0.3 ms at most.
constexpr std::size_t kAheadBytes = std::size_t{1} << 30;
constexpr std::size_t kShortestStep = std::size_t{1} << 27;
constexpr std::uint64_t kQuickNanos = 20000;

void setBits(std::uint64_t* words, std::size_t from, std::size_t to) noexcept {
  for (std::size_t i = from; i < to;) {
    if (i % 64 == 0 && to - i >= 64) {
      words[i / 64] = ~std::uint64_t{0};
      i += 64;
    } else {
      words[i / 64] |= std::uint64_t{1} << (i % 64);
      ++i;
    }
  }
}

bool bit(const std::uint64_t* words, std::size_t i) noexcept {
  return (words[i / 64] >> (i % 64) & 1) != 0;
}

std::uint64_t bitsIn(const std::uint64_t* words, std::size_t from, std::size_t to) noexcept {
  std::uint64_t count = 0;
  for (std::size_t i = from; i < to;) {
    const std::size_t stop = (i / 64 + 1) * 64 < to ? (i / 64 + 1) * 64 : to;
    const std::uint64_t word = words[i / 64] >> (i % 64) << (i % 64);
    if (word != 0) {
      count += static_cast<std::uint64_t>(std::popcount(stop % 64 == 0 ? word : word << (64 - stop % 64)));
    }
    i = stop;
  }
  return count;
}

bool isResident(std::uint64_t categories) noexcept {
  return (categories & kIsPresent) != 0 && (categories & kIsZeroPage) == 0;
}

}  // namespace

KernelTruth::~KernelTruth() {
  if (fd_ >= 0) {
    os::calls().close(fd_);
  }
}

bool KernelTruth::takeWindows(DumpMemory& memory, std::size_t count) noexcept {
  windows_ = memory.takeArray<Window>(count);
  auto* bits = memory.takeArray<std::uint64_t>(count * 3 * kWindowWords);
  if (windows_ == nullptr || bits == nullptr) {
    return false;
  }
  for (std::size_t i = 0; i < count; ++i, bits += 3 * kWindowWords) {
    windows_[i] = Window{0, 0, true, bits, bits + kWindowWords, bits + 2 * kWindowWords};
  }
  windowCount_ = count;
  window_ = windows_;
  return true;
}

void KernelTruth::open(DumpMemory& memory, const void* probe, std::size_t bytes) noexcept {
  page_ = os::geometry().pageBytes;
  regions_ = memory.takeArray<Region>(kRegions);
  entries_ = memory.takeArray<std::uint64_t>(kEntries);
  empty_ = memory.takeArray<EmptyRanges>(1);
  const std::size_t windows = bytes / (kWindowPages * page_) + 2;
  if (!takeWindows(memory, windows < kMostWindows ? windows : kMostWindows) || regions_ == nullptr ||
      entries_ == nullptr || empty_ == nullptr) {
    scanError_ = pagemapError_ = ENOMEM;
    return;
  }
  fd_ = os::calls().openRead(ProcSelf("pagemap"));
  if (fd_ < 0) {
    scanError_ = pagemapError_ = errno;
    return;
  }
  const std::uintptr_t start = reinterpret_cast<std::uintptr_t>(probe) / page_ * page_;
  const auto ignore = [](void*, const Region&) {};
  if (scanByIoctl(start, start + page_, ignore, nullptr)) {
    source_ = TruthSource::kPagemapScan;
    return;
  }
  scanError_ = errno;
  if (scanByPagemap(start, start + page_, ignore, nullptr)) {
    source_ = TruthSource::kPagemap;
  } else {
    pagemapError_ = errno;
  }
}

long KernelTruth::askKernel(void* scanArguments) noexcept {
  turns_.begin();
  const long found = os::calls().pagemapScan(fd_, scanArguments);
  turns_.end();
  return found;
}

bool KernelTruth::scanByIoctl(std::uintptr_t start, std::uintptr_t end, Visitor visit,
                              void* context) noexcept {
  std::uintptr_t step = kAheadBytes;
  while (start < end) {
    ScanArguments arguments{};
    arguments.size = sizeof arguments;
    arguments.start = start;
    arguments.end = end - start < step ? end : start + step;
    arguments.vec = reinterpret_cast<std::uint64_t>(regions_);
    arguments.vecLength = kRegions;
    arguments.maxPages = kMaxPagesPerCall;
    arguments.categoryAnyOf = kIsPresent | kIsSwapped;
    arguments.returnMask = kIsPresent | kIsSwapped | kIsZeroPage | kIsHuge;
    const long found = askKernel(&arguments);
    if (found < 0 || arguments.walkEnd <= start) {
      errno = found < 0 ? errno : EIO;
      return false;
    }
    for (long i = 0; i < found; ++i) {
      visit(context, regions_[i]);
    }
    start = arguments.walkEnd;
    // Reservations of terabytes have no page tables; where there are emptied or sparse ones, the time shows
    // it.
    if (turns_.lastNanos() > LockTurns::kHeldNanos) {
      step = step / 2 < kShortestStep ? kShortestStep : step / 2;
    } else if (turns_.lastNanos() < kQuickNanos && step < end - start) {
      step *= 2;
    }
  }
  return true;
}

bool KernelTruth::scanByPagemap(std::uintptr_t start, std::uintptr_t end, Visitor visit,
                                void* context) noexcept {
  while (start < end) {
    const std::size_t pages = (end - start) / page_ < kEntries ? (end - start) / page_ : kEntries;
    if (lseek(fd_, static_cast<off_t>(start / page_ * 8), SEEK_SET) < 0) {
      return false;
    }
    turns_.begin();
    const long got = os::calls().read(fd_, entries_, pages * 8);
    turns_.end();
    if (got < 8) {
      errno = got < 0 ? errno : EIO;
      return false;
    }
    const std::size_t count = static_cast<std::size_t>(got) / 8;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t categories = ((entries_[i] & kEntryPresent) != 0 ? kIsPresent : 0) |
                                       ((entries_[i] & kEntrySwapped) != 0 ? kIsSwapped : 0);
      if (categories != 0) {
        visit(context, Region{start + i * page_, start + (i + 1) * page_, categories});
      }
    }
    start += count * page_;
  }
  return true;
}

bool KernelTruth::scan(std::uintptr_t start, std::uintptr_t end, Visitor visit, void* context) noexcept {
  bool good = false;
  if (source_ == TruthSource::kPagemapScan) {
    good = scanByIoctl(start, end, visit, context);
  } else if (source_ == TruthSource::kPagemap) {
    good = scanByPagemap(start, end, visit, context);
  }
  failed_ = failed_ || !good;
  return good;
}

bool KernelTruth::sum(std::uintptr_t start, std::size_t bytes, PageBytes* out) noexcept {
  const std::uintptr_t first = start / page_ * page_;
  const std::uintptr_t last = (start + bytes + page_ - 1) / page_ * page_;
  const auto add = [](void* context, const Region& region) {
    auto* sums = static_cast<PageBytes*>(context);
    const std::uint64_t size = region.end - region.start;
    sums->resident += isResident(region.categories) ? size : 0;
    sums->swapped += (region.categories & kIsSwapped) != 0 ? size : 0;
    sums->huge += isResident(region.categories) && (region.categories & kIsHuge) != 0 ? size : 0;
  };
  return known() && (empty_->endAround(first) >= last || scan(first, last, add, out));
}

void KernelTruth::addToWindow(void* context, const Region& region) noexcept {
  auto& truth = *static_cast<KernelTruth*>(context);
  Window& window = *truth.window_;
  window.isEmpty = false;
  const std::size_t from = (region.start - window.start) / truth.page_;
  const std::size_t to = (region.end - window.start) / truth.page_;
  if (to > kWindowPages) {
    return;
  }
  if (isResident(region.categories)) {
    setBits(window.resident, from, to);
    if ((region.categories & kIsHuge) != 0) {
      setBits(window.huge, from, to);
    }
  }
  if ((region.categories & kIsSwapped) != 0) {
    setBits(window.swapped, from, to);
  }
}

void KernelTruth::forgetWindow() noexcept {
  for (std::size_t i = 0; i < windowCount_; ++i) {
    windows_[i].start = windows_[i].end = 0;
  }
  if (empty_ != nullptr) {
    empty_->clear();
  }
}

bool KernelTruth::loadWindow(std::uintptr_t address) noexcept {
  if (window_->holds(address)) {
    return true;
  }
  const bool afterEmpty = window_->isEmpty && window_->end != 0;
  const std::size_t bytes = kWindowPages * page_;
  Window& window = windows_[address / bytes % windowCount_];
  window_ = &window;
  if (window.holds(address)) {
    return true;
  }
  window.start = address / bytes * bytes;
  window.end = window.start + bytes;
  if (!window.isEmpty) {
    std::memset(window.resident, 0, kWindowWords * 8);
    std::memset(window.swapped, 0, kWindowWords * 8);
    std::memset(window.huge, 0, kWindowWords * 8);
    window.isEmpty = true;
  }
  if (afterEmpty && empty_->endAround(window.start) == 0) {
    lookAhead();
  }
  if (empty_->endAround(window.start) >= window.end) {
    return true;
  }
  const bool good = scan(window.start, window.end, addToWindow, this);
  if (good && window.isEmpty && empty_->endAround(window.start) == 0) {
    empty_->add(window.start, window.end);
  }
  return good;
}

// Behind an empty window there are often many: one call says where the next page is, instead of one a window.
void KernelTruth::lookAhead() noexcept {
  if (source_ != TruthSource::kPagemapScan || window_->start + kAheadBytes < window_->start) {
    return;
  }
  ScanArguments arguments{};
  arguments.size = sizeof arguments;
  arguments.start = window_->start;
  arguments.end = window_->start + kAheadBytes;
  arguments.vec = reinterpret_cast<std::uint64_t>(regions_);
  arguments.vecLength = 1;
  arguments.maxPages = 1;
  arguments.categoryAnyOf = kIsPresent | kIsSwapped;
  arguments.returnMask = kIsPresent | kIsSwapped;
  const long found = askKernel(&arguments);
  if (found < 0) {
    return;  // the windows will say
  }
  const std::uintptr_t end = found == 0 ? arguments.walkEnd : regions_[0].start;
  if (end > window_->start) {
    empty_->add(window_->start, end);
  }
}

PageBytes KernelTruth::within(std::uintptr_t start, std::uintptr_t end) noexcept {
  PageBytes out;
  while (known() && start < end) {
    if (!window_->holds(start)) {
      if (const std::uintptr_t stop = empty_->endAround(start); stop != 0) {
        start = stop;
        continue;
      }
      if (!loadWindow(start)) {
        break;
      }
    }
    const std::size_t i = (start - window_->start) / page_;
    const std::uintptr_t pageStart = window_->start + i * page_;
    const std::uintptr_t wholeEnd = (end < window_->end ? end : window_->end) / page_ * page_;
    if (start == pageStart && wholeEnd > start) {
      const std::size_t to = (wholeEnd - window_->start) / page_;
      out.resident += bitsIn(window_->resident, i, to) * page_;
      out.swapped += bitsIn(window_->swapped, i, to) * page_;
      out.huge += bitsIn(window_->huge, i, to) * page_;
      start = wholeEnd;
      continue;
    }
    const std::uintptr_t stop = pageStart + page_ < end ? pageStart + page_ : end;
    const std::uint64_t part = stop - start;
    out.resident += bit(window_->resident, i) ? part : 0;
    out.swapped += bit(window_->swapped, i) ? part : 0;
    out.huge += bit(window_->huge, i) ? part : 0;
    start = stop;
  }
  return out;
}

void KernelTruth::residentBits(std::uintptr_t start, std::size_t pages, std::uint64_t* words) noexcept {
  const std::size_t first = start / page_ % kWindowPages;
  if (first % 64 == 0 && pages % 64 == 0 && first + pages <= kWindowPages && known() && loadWindow(start)) {
    std::memcpy(words, window_->resident + first / 64, pages / 8);  // a unit: in whole words
    return;
  }
  std::memset(words, 0, (pages + 63) / 64 * 8);
  for (std::size_t i = 0; i < pages && known() && loadWindow(start + i * page_); ++i) {
    if (bit(window_->resident, (start + i * page_ - window_->start) / page_)) {
      words[i / 64] |= std::uint64_t{1} << (i % 64);
    }
  }
}

}  // namespace heapprof::introspect

#include "runtime/sampling/readable.h"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/os/os.h"

namespace heapprof::sampling {

constinit thread_local OwnStack ownStack = {};

namespace {

// A walk never leaves a gap this large between two frames; a figure beyond it is not a stack.
constexpr std::uintptr_t kLargestFrameBytes = std::uintptr_t{64} << 20;

// Once a thread: from the top to where it runs, if that is not far.
void learnOwnStack(std::uintptr_t start, std::uintptr_t pageBytes) noexcept {
  constexpr std::uintptr_t kMostPages = 64;  // a program's environment can be longer; then it is not known
  const bool isMain = os::threadId() == os::processId();
  const std::uintptr_t uppermost =
      isMain ? getauxval(AT_EXECFN) : reinterpret_cast<std::uintptr_t>(&ownStack);
  const std::uintptr_t top = (uppermost & ~(pageBytes - 1)) + pageBytes;
  const std::uintptr_t most = kMostPages * pageBytes;
  const std::uintptr_t last = start & ~(pageBytes - 1);
  std::uintptr_t low = top;
  if (start < top && top - start < most) {
    while (low > last && isReadable(low - pageBytes)) low -= pageBytes;
  }
  ownStack.low.store(low, std::memory_order_relaxed);
  ownStack.end.store(top, std::memory_order_relaxed);
}

}  // namespace

bool isReadable(std::uintptr_t address) noexcept {
  errno = 0;
  syscall(SYS_rt_sigprocmask, ~0, address, nullptr, sizeof(std::uint64_t));
  return errno == EINVAL;
}

StackReader::StackReader(std::uintptr_t start) noexcept
    : start_(start), pageBytes_(os::pageBytes()), lowest_(start), knownEnd_(start + knownStackBytes(start)) {}

bool StackReader::extendTo(std::uintptr_t address) noexcept {
  if (address < start_) return false;
  if (address > knownEnd_ && address - knownEnd_ > kLargestFrameBytes) return false;
  const std::uintptr_t page = address & ~(pageBytes_ - 1);
  if (ownStack.end.load(std::memory_order_relaxed) == 0) learnOwnStack(start_, pageBytes_);
  if (ownStack.holds(address)) {
    const std::uintptr_t low = ownStack.low.load(std::memory_order_relaxed);
    if (low > knownEnd_) lowest_ = low;
    knownEnd_ = ownStack.end.load(std::memory_order_relaxed);
    return true;
  }
  if (!isReadable(address)) return false;
  if (page + pageBytes_ == ownStack.low.load(std::memory_order_relaxed) &&
      ownStack.end.load(std::memory_order_relaxed) - page <= OwnStack::kMostBytes) {
    ownStack.low.store(page, std::memory_order_relaxed);
  }
  if (page != knownEnd_) lowest_ = page > start_ ? page : start_;
  knownEnd_ = page + pageBytes_;
  return true;
}

bool StackReader::restart(std::uintptr_t start) noexcept {
  if (!isReadable(start & ~(sizeof(std::uintptr_t) - 1))) return false;
  start_ = start;
  lowest_ = start;
  knownEnd_ = (start & ~(pageBytes_ - 1)) + pageBytes_;
  return true;
}

}  // namespace heapprof::sampling

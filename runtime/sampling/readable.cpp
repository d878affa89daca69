#include "runtime/sampling/readable.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/os/os.h"

namespace heapprof::sampling {
namespace {

// A walk never leaves a gap this large between two frames; a figure beyond it is not a stack.
constexpr std::uintptr_t kLargestFrameBytes = std::uintptr_t{64} << 20;

}  // namespace

bool isReadable(std::uintptr_t address) noexcept {
  errno = 0;
  syscall(SYS_rt_sigprocmask, ~0, address, nullptr, sizeof(std::uint64_t));
  return errno == EINVAL;
}

StackReader::StackReader(std::uintptr_t start) noexcept
    : start_(start),
      pageBytes_(os::pageBytes()),
      lowest_(start),
      knownEnd_((start & ~(pageBytes_ - 1)) + pageBytes_) {}  // the entry function's own frame lies here

bool StackReader::extendTo(std::uintptr_t address) noexcept {
  if (address < start_) return false;
  if (address > knownEnd_ && address - knownEnd_ > kLargestFrameBytes) return false;
  if (!isReadable(address)) return false;
  const std::uintptr_t page = address & ~(pageBytes_ - 1);
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

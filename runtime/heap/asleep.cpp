#include "runtime/heap/asleep.h"

#include <bit>
#include <cstring>
#include <errno.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/os/code_range.h"
#include "runtime/os/os.h"
#include "runtime/sampling/readable.h"

namespace heapprof::heap {
namespace {

constexpr std::size_t kDeepest = std::size_t{256} << 10;

// "/proc/self/task/<id>/<file>" into `path` (64 bytes).
void taskPath(std::uint64_t id, const char* file, char* path) noexcept {
  constexpr char kStart[] = "/proc/self/task/";
  std::memcpy(path, kStart, sizeof kStart - 1);
  char* at = path + sizeof kStart - 1;
  char digits[20];
  std::size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + id % 10);
    id /= 10;
  } while (id != 0);
  while (count != 0) *at++ = digits[--count];
  *at++ = '/';
  std::strcpy(at, file);
}

// The whole file, terminated; 0 where it cannot be read or does not fit.
std::size_t readTask(std::uint64_t id, const char* file, char* out, std::size_t capacity) noexcept {
  char path[64];
  taskPath(id, file, path);
  const int fd = os::calls().openRead(path);
  if (fd < 0) return 0;
  std::size_t size = 0;
  long got = 0;
  while (size + 1 < capacity && (got = os::calls().read(fd, out + size, capacity - 1 - size)) > 0) {
    size += static_cast<std::size_t>(got);
  }
  os::calls().close(fd);
  if (got < 0 || size + 1 >= capacity) return 0;
  out[size] = '\0';
  return size;
}

// What follows the key in `text`, which must be there.
const char* fieldAfter(const char* text, const char* key) noexcept {
  const char* at = std::strstr(text, key);
  if (at == nullptr) return nullptr;
  at += std::strlen(key);
  while (*at == '\t' || *at == ' ') ++at;
  return at;
}

std::uint64_t decimal(const char* at) noexcept {
  std::uint64_t value = 0;
  for (; *at >= '0' && *at <= '9'; ++at) value = value * 10 + static_cast<std::uint64_t>(*at - '0');
  return value;
}

// Stops at what is no digit; moves `at` there.
std::uint64_t hexadecimal(const char*& at) noexcept {
  std::uint64_t value = 0;
  for (;; ++at) {
    const bool isDecimal = *at >= '0' && *at <= '9';
    if (!isDecimal && (*at < 'a' || *at > 'f')) return value;
    value = value << 4 | static_cast<std::uint64_t>(isDecimal ? *at - '0' : *at - 'a' + 10);
  }
}

struct Status {
  std::uint64_t switches;
  std::uint64_t handled;  // bit n - 1: signal n has a handler
};

bool readStatus(std::uint64_t id, Status* status) noexcept {
  char text[6144];
  if (readTask(id, "status", text, sizeof text) == 0) return false;
  const char* handled = fieldAfter(text, "\nSigCgt:");
  const char* voluntary = fieldAfter(text, "\nvoluntary_ctxt_switches:");
  const char* forced = fieldAfter(text, "\nnonvoluntary_ctxt_switches:");
  if (handled == nullptr || voluntary == nullptr || forced == nullptr) return false;
  *status = {decimal(voluntary) + decimal(forced), hexadecimal(handled)};
  return true;
}

// A thread in vfork() sleeps, but its child runs on its stack and with its thread-local memory: what that
// allocates, it allocates from this thread's heap. Clone may be the same.
bool lendsItself(long call) noexcept {
#if defined(SYS_vfork)
  if (call == SYS_vfork) return true;
#endif
  return call == SYS_clone || call == SYS_clone3;
}

// The last two fields; false for "running", for sleep outside a call, and for calls that lend the thread's
// stack.
bool readCall(const char* line, std::uintptr_t* stack, std::uintptr_t* code) noexcept {
  if (line[0] < '0' || line[0] > '9') return false;
  if (lendsItself(static_cast<long>(decimal(line)))) return false;
  std::uintptr_t fields[9] = {};
  int count = 0;
  for (const char* at = line; *at != '\0' && *at != '\n' && count < 9; ++count) {
    if (at[0] == '0' && at[1] == 'x') at += 2;
    fields[count] = hexadecimal(at);
    if (*at != ' ' && *at != '\n' && *at != '\0') return false;
    if (*at == ' ') ++at;
  }
  if (count != 9) return false;
  *stack = fields[7];
  *code = fields[8];
  return true;
}

// What signal handlers return to: an address of these on a stack means that one is running. In nearly every
// process that is one address, libc's. What was seen once stays: a handler that runs may be set no longer
// (SA_RESETHAND). Until one was seen all signals are asked for, because the kernel keeps the address.
class Returns {
 public:
  // False: more than can be kept.
  bool learn(std::uint64_t handled) noexcept {
#if defined(__x86_64__)
    if (count_ == 0) handled = ~std::uint64_t{0};
    for (; handled != 0; handled &= handled - 1) {
      KernelAction action = {};
      const int signal = std::countr_zero(handled) + 1;
      if (syscall(SYS_rt_sigaction, signal, nullptr, &action, sizeof action.mask) != 0) continue;
      const auto address = reinterpret_cast<std::uintptr_t>(action.restorer);
      if (address == 0 || holds(address)) continue;
      if (count_ == kMost) return false;
      addresses_[count_++] = address;
    }
#else
    static_cast<void>(handled);
#endif
    const std::uintptr_t start = getauxval(AT_SYSINFO_EHDR);
    constexpr std::uintptr_t kLargestVdso = 16384;
    if (start != 0) vdso_ = {start, start + kLargestVdso};
    return true;
  }
  bool holds(std::uintptr_t address) const noexcept {
    for (int i = 0; i < count_; ++i) {
      if (addresses_[i] == address) return true;
    }
    return vdso_.holds(address);
  }

 private:
  struct KernelAction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    unsigned long mask;
  };
  static constexpr int kMost = 64;
  std::uintptr_t addresses_[kMost] = {};
  int count_ = 0;
  os::CodeRange vdso_;
};
constinit Returns returns;

// Whether a call may have left this address of our code behind: programs also keep pointers to malloc and
// free on their stacks, which no call instruction comes before.
bool mayReturnTo(std::uintptr_t address, const os::CodeRange& ours) noexcept {
  constexpr std::uintptr_t kLongestCall = 7;
  if (!ours.holds(address - kLongestCall)) return true;
  const auto* code = reinterpret_cast<const unsigned char*>(address);
#if defined(__x86_64__)
  if (code[-5] == 0xe8) return true;
  for (int length = 2; length <= 7; ++length) {  // ff /2 and ff /3, with 0 to 5 bytes of address
    const unsigned kind = code[1 - length] >> 3 & 7u;
    if (code[-length] == 0xff && (kind == 2 || kind == 3)) return true;
  }
  return false;
#elif defined(__aarch64__)
  if ((address & 3) != 0) return false;
  std::uint32_t word = 0;
  std::memcpy(&word, code - 4, sizeof word);
  return (word & 0xfc000000u) == 0x94000000u || (word & 0xfe000000u) == 0xd6000000u;  // bl; blr and its kin
#else
  return code != nullptr;
#endif
}

HEAPPROF_READS_FOREIGN_STACK bool stackIsForeign(std::uintptr_t from, std::uintptr_t end) noexcept {
  if (from >= end || end - from > kDeepest) return false;
  sampling::StackReader reader(from & ~std::uintptr_t{7});
  if (!reader.restart(from)) return false;
  const os::CodeRange ours = os::ourCode();
  // The red zone: a leaf function may keep what it likes below its stack pointer.
  for (std::uintptr_t at = from & ~std::uintptr_t{7}; at + 8 <= end; at += 8) {
    std::uintptr_t word = 0;
    if (!reader.read(at, &word)) return false;
    if ((ours.holds(word) && mayReturnTo(word, ours)) || returns.holds(word)) return false;
  }
  return true;
}

}  // namespace

bool sleepsOutsideOurCode(std::uint64_t threadId, std::uintptr_t stackEnd, SleepSeen* seen) noexcept {
  const int savedErrno = errno;
  std::uintptr_t stack = 0;
  std::uintptr_t code = 0;
  Status status = {};
  const bool sleeps = readStatus(threadId, &status) &&
                      readTask(threadId, "syscall", seen->call, sizeof seen->call) != 0 &&
                      readCall(seen->call, &stack, &code) && !os::ourCode().holds(code) &&
                      returns.learn(status.handled) && stackIsForeign(stack, stackEnd);
  seen->switches = status.switches;
  errno = savedErrno;
  return sleeps;
}

bool stillSleeps(std::uint64_t threadId, const SleepSeen& seen) noexcept {
  const int savedErrno = errno;
  char call[sizeof seen.call];
  Status status = {};
  const bool same = readTask(threadId, "syscall", call, sizeof call) != 0 &&
                    std::strcmp(call, seen.call) == 0 && readStatus(threadId, &status) &&
                    status.switches == seen.switches;
  errno = savedErrno;
  return same;
}

bool canTellSleepers() noexcept {
  return os::ourCode().known();
}

}  // namespace heapprof::heap

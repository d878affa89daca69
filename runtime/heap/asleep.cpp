#include "runtime/heap/asleep.h"

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

std::uint64_t numberAfter(const char* text, const char* key, bool* found) noexcept {
  const char* at = std::strstr(text, key);
  if (at == nullptr) {
    *found = false;
    return 0;
  }
  at += std::strlen(key);
  while (*at == '\t' || *at == ' ') ++at;
  std::uint64_t value = 0;
  for (; *at >= '0' && *at <= '9'; ++at) value = value * 10 + static_cast<std::uint64_t>(*at - '0');
  return value;
}

bool readSwitches(std::uint64_t id, std::uint64_t* switches) noexcept {
  char text[6144];
  if (readTask(id, "status", text, sizeof text) == 0) return false;
  bool found = true;
  *switches = numberAfter(text, "\nvoluntary_ctxt_switches:", &found);
  *switches += numberAfter(text, "\nnonvoluntary_ctxt_switches:", &found);
  return found;
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
  long call = 0;
  for (const char* at = line; *at >= '0' && *at <= '9'; ++at) call = call * 10 + (*at - '0');
  if (lendsItself(call)) return false;
  std::uintptr_t fields[9] = {};
  int count = 0;
  for (const char* at = line; *at != '\0' && *at != '\n' && count < 9; ++count) {
    std::uintptr_t value = 0;
    if (at[0] == '0' && at[1] == 'x') at += 2;
    for (; *at != ' ' && *at != '\n' && *at != '\0'; ++at) {
      const char c = *at;
      value = value << 4 | static_cast<std::uintptr_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    fields[count] = value;
    if (*at == ' ') ++at;
  }
  if (count != 9) return false;
  *stack = fields[7];
  *code = fields[8];
  return true;
}

// What signal handlers return to: an address of these on a stack means that one is running.
struct Returns {
  static constexpr int kSignals = 64;
  std::uintptr_t addresses[kSignals];
  int count = 0;
  os::CodeRange vdso;

  void learn() noexcept {
#if defined(__x86_64__)
    struct KernelAction {
      void (*handler)(int);
      unsigned long flags;
      void (*restorer)();
      unsigned long mask;
    };
    for (int signal = 1; signal <= kSignals; ++signal) {
      KernelAction action = {};
      if (syscall(SYS_rt_sigaction, signal, nullptr, &action, sizeof action.mask) != 0) continue;
      const auto address = reinterpret_cast<std::uintptr_t>(action.restorer);
      if (address != 0 && !holds(address)) addresses[count++] = address;
    }
#endif
    const std::uintptr_t start = getauxval(AT_SYSINFO_EHDR);
    constexpr std::uintptr_t kLargestVdso = 16384;
    if (start != 0) vdso = {start, start + kLargestVdso};
  }
  bool holds(std::uintptr_t address) const noexcept {
    for (int i = 0; i < count; ++i) {
      if (addresses[i] == address) return true;
    }
    return vdso.holds(address);
  }
};

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
  Returns returns;
  returns.learn();
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
  const bool sleeps = readSwitches(threadId, &seen->switches) &&
                      readTask(threadId, "syscall", seen->call, sizeof seen->call) != 0 &&
                      readCall(seen->call, &stack, &code) && !os::ourCode().holds(code) &&
                      stackIsForeign(stack, stackEnd);
  errno = savedErrno;
  return sleeps;
}

bool stillSleeps(std::uint64_t threadId, const SleepSeen& seen) noexcept {
  const int savedErrno = errno;
  SleepSeen now = {};
  const bool same = readTask(threadId, "syscall", now.call, sizeof now.call) != 0 &&
                    std::strcmp(now.call, seen.call) == 0 && readSwitches(threadId, &now.switches) &&
                    now.switches == seen.switches;
  errno = savedErrno;
  return same;
}

bool canTellSleepers() noexcept {
  return os::ourCode().known();
}

}  // namespace heapprof::heap

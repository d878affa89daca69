#include "tests/runtime/entry/single_step.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace heapprof::tests {
namespace {

// The program's next stop. False when it ended instead.
bool waitFor(pid_t child, int* status, std::string* why) {
  pid_t changed = 0;
  do changed = waitpid(child, status, 0);
  while (changed < 0 && errno == EINTR);
  if (changed == child && WIFSTOPPED(*status)) return true;
  *why = changed != child       ? std::string("waitpid: ") + std::strerror(errno)
         : WIFSIGNALED(*status) ? std::string("the program was killed by ") + strsignal(WTERMSIG(*status))
                                : "the program ended with " + std::to_string(WEXITSTATUS(*status));
  return false;
}

// Lets the program go on in the given way (PTRACE_CONT, PTRACE_SINGLESTEP) to its next trap. A signal that
// comes from elsewhere meanwhile (a terminal, a job control, a supervisor) stops the program before the
// signal's delivery, with the step not taken: it is passed on, unless it would only stop the program, and the
// program goes on. False when it ended.
bool runToTrap(pid_t child, __ptrace_request how, std::string* why) {
  std::intptr_t pass = 0;
  for (int status = 0;;) {
    if (ptrace(how, child, nullptr, reinterpret_cast<void*>(pass)) != 0) {
      *why = std::string("ptrace: ") + std::strerror(errno);
      return false;
    }
    if (!waitFor(child, &status, why)) return false;
    const int signal = WSTOPSIG(status);
    if (signal == SIGTRAP) return true;
    const bool stops = signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
    pass = stops ? 0 : signal;
  }
}

std::uintptr_t programCounter(pid_t child, std::uintptr_t* stackPointer) {
  user_regs_struct registers = {};
  ptrace(PTRACE_GETREGS, child, nullptr, &registers);
  *stackPointer = registers.rsp;
  return registers.rip;
}

// An instruction that locks its memory operand, by its first bytes: a lock prefix among the legacy prefixes,
// or an xchg with memory, which locks without one.
bool isLocked(std::uint64_t bytes) {
  const auto next = [&] { return static_cast<unsigned>(bytes & 0xff); };
  const auto isPrefix = [](unsigned byte) {
    return byte == 0x66 || byte == 0xf2 || byte == 0xf3 || byte == 0x2e || byte == 0x36 || byte == 0x3e ||
           byte == 0x26 || byte == 0x64 || byte == 0x65;
  };
  for (; isPrefix(next()); bytes >>= 8) {
  }
  if (next() == 0xf0) return true;
  if ((next() & 0xf0) == 0x40) bytes >>= 8;  // REX
  const bool exchange = next() == 0x86 || next() == 0x87;
  return exchange && (bytes >> 8 & 0xc0) != 0xc0;
}

std::uint64_t mostFrequentOf(const std::map<std::uint64_t, std::uint64_t>& histogram) {
  std::uint64_t best = 0, bestTimes = 0;
  for (const auto& [value, times] : histogram) {
    if (times > bestTimes) {
      best = value;
      bestTimes = times;
    }
  }
  return best;
}

std::uint64_t tenthOf(const std::map<std::uint64_t, std::uint64_t>& histogram) {
  std::uint64_t all = 0, sum = 0;
  for (const auto& [value, times] : histogram) all += times;
  for (const auto& [value, times] : histogram) {
    sum += times;
    if (sum * 10 >= all) return value;
  }
  return 0;
}

// Steps until the program traps by itself again.
bool stepThrough(pid_t child, std::vector<Counted>* functions, std::string* why) {
  Counted* inside = nullptr;
  std::uintptr_t returnsTo = 0;
  std::uint64_t count = 0;
  std::uint64_t locked = 0;
  for (;;) {
    std::uintptr_t stack = 0;
    const std::uintptr_t at = programCounter(child, &stack);
    if (inside == nullptr) {
      for (Counted& function : *functions) {
        if (at != function.entry) continue;
        inside = &function;
        count = 0;
        locked = 0;
        errno = 0;
        returnsTo = static_cast<std::uintptr_t>(ptrace(PTRACE_PEEKDATA, child, stack, nullptr));
      }
    } else if (at == returnsTo) {
      ++inside->callsByInstructions[count];
      ++inside->callsByLocked[locked];
      inside = nullptr;
    }
    // int3 of the program's own: what is at the program counter tells it from a step's trap.
    const long word = ptrace(PTRACE_PEEKTEXT, child, at, nullptr);
    if ((word & 0xff) == 0xcc) return true;
    ++count;
    locked += isLocked(static_cast<std::uint64_t>(word));
    if (!runToTrap(child, PTRACE_SINGLESTEP, why)) return false;
  }
}

[[noreturn]] void runTraced(const std::vector<std::string>& command,
                            const std::vector<std::string>& environment, int addressPipe) {
  dup2(addressPipe, 3);
  std::vector<char*> arguments, variables;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  for (const std::string& word : environment) variables.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  variables.push_back(nullptr);
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(77);
  execve(arguments[0], arguments.data(), variables.data());
  _exit(127);
}

}  // namespace

std::uint64_t Counted::calls() const {
  std::uint64_t sum = 0;
  for (const auto& [instructions, times] : callsByInstructions) sum += times;
  return sum;
}

std::uint64_t Counted::mostFrequent() const {
  return mostFrequentOf(callsByInstructions);
}

std::uint64_t Counted::mostFrequentLocked() const {
  return mostFrequentOf(callsByLocked);
}

std::uint64_t Counted::tenth() const {
  return tenthOf(callsByInstructions);
}

std::uint64_t Counted::tenthLocked() const {
  return tenthOf(callsByLocked);
}

double Counted::mean() const {
  std::uint64_t sum = 0;
  for (const auto& [instructions, times] : callsByInstructions) sum += instructions * times;
  return static_cast<double>(sum) / static_cast<double>(calls());
}

double Counted::shareAbove(std::uint64_t limit) const {
  std::uint64_t above = 0;
  for (const auto& [instructions, times] : callsByInstructions) {
    if (instructions > limit) above += times;
  }
  return static_cast<double>(above) / static_cast<double>(calls());
}

bool countCalls(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                std::vector<Counted>* functions, std::string* why, std::atomic<pid_t>* started, int times) {
  int ends[2];
  if (pipe(ends) != 0) {
    *why = std::strerror(errno);
    return false;
  }
  const pid_t child = fork();
  if (child == 0) runTraced(command, environment, ends[1]);
  close(ends[1]);
  int status = 0;
  bool good = waitFor(child, &status, why);  // the exec's trap
  if (!good) *why = "ptrace is not permitted here, or the program did not start: " + *why;
  if (started != nullptr) *started = child;
  if (good && WSTOPSIG(status) != SIGTRAP) good = runToTrap(child, PTRACE_CONT, why);
  // The addresses come before the first trap of the program's own.
  good = good && runToTrap(child, PTRACE_CONT, why);
  for (Counted& function : *functions) {
    if (!good) break;
    good = read(ends[0], &function.entry, sizeof function.entry) == sizeof function.entry;
    if (!good) *why = "the program did not say where its functions are";
  }
  close(ends[0]);
  good = good && stepThrough(child, functions, why);
  for (int i = 1; good && i < times; ++i) {
    // The trap that ended it, and the next one that begins.
    good = runToTrap(child, PTRACE_CONT, why) && runToTrap(child, PTRACE_CONT, why) &&
           stepThrough(child, functions, why);
  }
  if (started != nullptr) *started = 0;
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return good;
}

}  // namespace heapprof::tests

#include "profiler/capture/spawn.h"

#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace heapprof::capture {
namespace {

constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

std::vector<char*> pointers(std::vector<std::string>* texts) {
  std::vector<char*> result;
  for (std::string& text : *texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// What the child tells before exec, and, where that fails, errno after it.
struct Report {
  std::int64_t startNanos = 0;
  long rssBeforeExecKib = 0;
  int error = 0;
};

// One of them; false at the pipe's end, which is a successful exec.
bool readAll(int from, void* into, std::size_t bytes) {
  ssize_t got = 0;
  while ((got = read(from, into, bytes)) < 0 && errno == EINTR) {
  }
  return got == static_cast<ssize_t>(bytes);
}

// A pipe that no program of ours inherits.
struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() {
    if (pipe2(ends, O_CLOEXEC) != 0) ends[0] = ends[1] = -1;
  }
  ~Pipe() {
    shut(0);
    shut(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void shut(int end) {
    if (ends[end] >= 0) close(ends[end]);
    ends[end] = -1;
  }
};

// After fork: only what a signal handler may do. Begins when the parent is ready.
[[noreturn]] void becomeProgram(const Spawn& what, char* const* argv, char* const* envp, int go,
                                int reportTo) {
  char ready = 0;
  if (!readAll(go, &ready, 1)) _exit(126);
  for (int number = 0; number < 3; ++number) {
    if (what.descriptors[number] >= 0) dup2(what.descriptors[number], number);
  }
  Report report;
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  report.rssBeforeExecKib = usage.ru_maxrss;
  report.startNanos = monotonicNanos();
  if (write(reportTo, &report, sizeof report) < 0) _exit(126);
  execve(what.path.c_str(), argv, envp);
  report.error = errno;
  if (write(reportTo, &report, sizeof report) < 0) _exit(126);
  _exit(127);
}

}  // namespace

SignalGate::SignalGate() {
  sigemptyset(&waited_);
  for (const int number : kForwarded) sigaddset(&waited_, number);
  sigaddset(&waited_, SIGCHLD);
  // An ignored SIGCHLD would reap the child without us.
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &plain, &oldChild_);
  pthread_sigmask(SIG_BLOCK, &waited_, &oldMask_);
}

void SignalGate::restore() const {
  sigaction(SIGCHLD, &oldChild_, nullptr);
  pthread_sigmask(SIG_SETMASK, &oldMask_, nullptr);
}

std::int64_t monotonicNanos() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

absl::StatusOr<Spawned> spawn(const Spawn& what, const SignalGate& gate) {
  std::vector<std::string> environment = what.environment, arguments = what.arguments;
  const std::vector<char*> envp = pointers(&environment), argv = pointers(&arguments);
  Pipe go, report;  // the second is closed by a successful exec
  if (go.ends[0] < 0 || report.ends[0] < 0) {
    return absl::ResourceExhaustedError(absl::StrCat("pipe: ", std::generic_category().message(errno)));
  }
  Spawned spawned;
  // Not vfork: ru_maxrss would begin with the peak of this process instead of a copy of what it holds now.
  spawned.pid = fork();
  if (spawned.pid == 0) {
    gate.restore();
    go.shut(1);
    becomeProgram(what, argv.data(), envp.data(), go.ends[0], report.ends[1]);
  }
  report.shut(1);
  if (spawned.pid < 0)
    return absl::ResourceExhaustedError(absl::StrCat("fork: ", std::generic_category().message(errno)));
  // SEIZE and not TRACEME: exec is no stop, and signals that stop a process work as they do untraced.
  spawned.stopsAtEnd = what.stopAtEnd && ptrace(PTRACE_SEIZE, spawned.pid, nullptr,
                                                PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL) == 0;
  Report before, failed;
  if (write(go.ends[1], "g", 1) == 1) readAll(report.ends[0], &before, sizeof before);
  if (readAll(report.ends[0], &failed, sizeof failed)) {
    int status = 0;
    while (waitpid(spawned.pid, &status, 0) == spawned.pid && WIFSTOPPED(status)) {
      ptrace(PTRACE_CONT, spawned.pid, nullptr, nullptr);
    }
    return absl::NotFoundError(
        absl::StrCat(what.path, ": cannot be executed: ", std::generic_category().message(failed.error),
                     failed.error == ENOENT ? " (its loader or interpreter is missing)" : ""));
  }
  spawned.startNanos = before.startNanos;
  spawned.rssBeforeExecBytes = static_cast<std::uint64_t>(before.rssBeforeExecKib) * 1024;
  return spawned;
}

std::vector<std::string> plainEnvironment(std::string* preload) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    absl::string_view text(*entry);
    if (absl::StartsWith(text, "HEAPPROF=")) continue;
    if (absl::ConsumePrefix(&text, "LD_PRELOAD=")) {
      if (preload != nullptr) *preload = std::string(text);
      continue;
    }
    environment.emplace_back(text);
  }
  return environment;
}

}  // namespace heapprof::capture

#include "profiler/capture/measured_run.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace heapprof::capture {
namespace {

constexpr std::uint64_t kSlackBytes = 256 << 10;  // what the copy of us may have touched before exec

class File {
 public:
  explicit File(int number) : number_(number) {}
  ~File() {
    if (number_ >= 0) close(number_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

double secondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

std::string contentsOf(int file) {
  std::string text;
  char buffer[4096];
  lseek(file, 0, SEEK_SET);
  for (ssize_t got; (got = read(file, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

void takeUsage(const struct rusage& usage, const Spawned& child, const MemoryWatch& watch,
               RunFigures* figures) {
  figures->cpuSeconds = secondsOf(usage.ru_utime) + secondsOf(usage.ru_stime);
  figures->minorFaults = static_cast<std::uint64_t>(usage.ru_minflt);
  figures->majorFaults = static_cast<std::uint64_t>(usage.ru_majflt);
  const std::uint64_t kernels = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  std::uint64_t peak = watch.peakRssBytes();
  if (kernels > child.rssBeforeExecBytes + kSlackBytes) peak = std::max(peak, kernels);
  if (peak > 0) figures->peakRssBytes = peak;
  figures->seenAtEnd = watch.sawEnd();
  figures->endRssBytes = watch.lastRssBytes();
  figures->hugeBytes = watch.peakHugeBytes();
}

// A traced process has stopped: at its end it is looked at; in all other cases it does what it would have
// done.
void goOn(pid_t child, int status, MemoryWatch* watch) {
  const int event = status >> 16, signal = WSTOPSIG(status);
  if (event == PTRACE_EVENT_EXIT) watch->lookAtEnd();
  if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
    ptrace(PTRACE_LISTEN, child, nullptr, nullptr);  // stopped by SIGSTOP or a terminal, and stays so
    return;
  }
  ptrace(PTRACE_CONT, child, nullptr, event == 0 ? signal : 0);
}

}  // namespace

MeasuredRuns::MeasuredRuns() {
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);  // what outlives a command becomes a child of ours
}

MeasuredRuns::~MeasuredRuns() {
  prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

int MeasuredRuns::interruptedBy() {
  const timespec now{};
  siginfo_t info{};
  for (int number; interruptedBy_ == 0 && (number = sigtimedwait(&gate_.waited(), &info, &now)) > 0;) {
    if (number != SIGCHLD) interruptedBy_ = number;
  }
  return interruptedBy_;
}

// Until its end, looking at its memory; true: it ended by itself.
bool MeasuredRuns::waitFor(const Spawned& child, RunFigures* figures, MemoryWatch* watch, int* status,
                           rusage* usage) {
  std::int64_t held = 0;  // while it was stopped for us
  for (;;) {
    const pid_t told = wait4(child.pid, status, interruptedBy_ == 0 ? WNOHANG : 0, usage);
    if (told == child.pid && WIFSTOPPED(*status)) {
      const std::int64_t before = monotonicNanos();
      goOn(child.pid, *status, watch);
      held += monotonicNanos() - before;
      continue;
    }
    if (told == child.pid) {
      figures->wallSeconds = static_cast<double>(monotonicNanos() - child.startNanos - held) * 1e-9;
      return interruptedBy_ == 0;
    }
    if (interruptedBy_ != 0) continue;  // EINTR
    watch->look();
    const timespec pause{0, watch->nanosUntilNext()};
    siginfo_t info{};
    const int number = sigtimedwait(&gate_.waited(), &info, &pause);
    if (number > 0 && number != SIGCHLD) {
      interruptedBy_ = number;
      kill(child.pid, SIGKILL);  // what it started comes to us, and is ended after it
    }
  }
}

// Orphans come to us as their parents end, so it takes a pass a generation.
std::size_t MeasuredRuns::endWhatIsLeft() {
  std::size_t ended = 0;
  for (;;) {
    const std::vector<pid_t> left = childrenOf(getpid());
    if (left.empty()) return ended;
    for (const pid_t pid : left) {
      // One that is dead already was only waiting for a parent to ask.
      if (waitpid(pid, nullptr, WNOHANG) != 0) continue;
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
      ++ended;
    }
  }
}

absl::StatusOr<RunFigures> MeasuredRuns::run(const RunRequest& request) {
  if (interruptedBy() != 0) return absl::CancelledError("interrupted");
  const std::string from = request.input.empty() ? "/dev/null" : request.input;
  const File input(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (input.number() < 0)
    return absl::NotFoundError(absl::StrCat(from, ": ", std::generic_category().message(errno)));
  const File nowhere(open("/dev/null", O_WRONLY | O_CLOEXEC));
  Spawn what{request.path, request.arguments, plainEnvironment()};
  if (!request.library.empty()) what.environment.push_back("LD_PRELOAD=" + request.library);
  what.descriptors[0] = input.number();
  if (!request.showOutput) what.descriptors[1] = what.descriptors[2] = nowhere.number();

  what.stopAtEnd = true;
  const absl::StatusOr<Spawned> child = spawn(what, gate_);
  if (!child.ok()) return child.status();
  RunFigures figures;
  MemoryWatch watch(child->pid);
  int status = 0;
  struct rusage usage {};
  const bool whole = waitFor(*child, &figures, &watch, &status, &usage);
  figures.outlived = endWhatIsLeft();
  // A terminal's Ctrl-C reaches the command as well, which may end by it before we are asked.
  if (!whole || interruptedBy() != 0) return absl::CancelledError("interrupted");
  takeUsage(usage, *child, watch, &figures);
  figures.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  figures.exitStatus = WIFSIGNALED(status) ? 128 + figures.signal : WEXITSTATUS(status);
  return figures;
}

absl::Status MeasuredRuns::tryPreload(const std::string& program, const std::string& library) {
  const File said(memfd_create("loader", MFD_CLOEXEC));
  Spawn what{program, {program}, plainEnvironment()};
  what.environment.push_back("LD_PRELOAD=" + library);
  what.environment.push_back("LD_TRACE_LOADED_OBJECTS=1");  // as ldd does it: nothing is run
  what.descriptors[1] = what.descriptors[2] = said.number();
  const absl::StatusOr<Spawned> child = spawn(what, gate_);
  if (!child.ok()) return child.status();
  while (waitpid(child->pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  for (absl::string_view line : absl::StrSplit(contentsOf(said.number()), '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (absl::StrContains(line, "cannot be preloaded") || absl::EndsWith(line, "=> not found")) {
      absl::ConsumePrefix(&line, "ERROR: ld.so: ");
      return absl::FailedPreconditionError(absl::StrCat(library, ": the loader says: ", line));
    }
  }
  return absl::OkStatus();
}

void MeasuredRuns::faultIn(std::uint64_t bytes) {
  // Of what is free only: to take from the page cache would disturb more than it helps.
  const std::uint64_t freeBytes = static_cast<std::uint64_t>(std::max(0L, sysconf(_SC_AVPHYS_PAGES))) *
                                  static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  bytes = std::min(bytes, freeBytes / 4 * 3);
  if (bytes == 0) return;
  const pid_t child = fork();
  if (child == 0) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) _exit(1);
    madvise(memory, bytes, MADV_HUGEPAGE);
    for (std::uint64_t at = 0; at < bytes; at += 4096) static_cast<volatile char*>(memory)[at] = 1;
    _exit(0);
  }
  if (child < 0) return;
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace heapprof::capture

#include "profiler/capture/launch.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "profiler/capture/left_behind.h"

namespace heapprof::capture {
namespace {

constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

std::vector<std::string> environmentFor(const Launch& launch) {
  std::vector<std::string> environment;
  std::string preload = launch.library;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const absl::string_view text(*entry);
    if (absl::StartsWith(text, "HEAPPROF=")) continue;
    if (absl::StartsWith(text, "LD_PRELOAD=")) {
      if (text.size() > 11) absl::StrAppend(&preload, ":", text.substr(11));
      continue;
    }
    environment.emplace_back(text);
  }
  environment.push_back("LD_PRELOAD=" + preload);
  environment.push_back("HEAPPROF=" + launch.options);
  return environment;
}

std::vector<char*> pointers(std::vector<std::string>* texts) {
  std::vector<char*> result;
  for (std::string& text : *texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::string lastNameOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/comm"));
  std::string name;
  std::getline(file, name);
  return name;
}

// Blocks the signals that are passed on, and gives back the mask that was.
class SignalGate {
 public:
  SignalGate() {
    sigemptyset(&waited_);
    for (const int number : kForwarded) sigaddset(&waited_, number);
    sigaddset(&waited_, SIGCHLD);
    // An ignored SIGCHLD would reap the child without us.
    struct sigaction plain {};
    plain.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &plain, &oldChild_);
    sigprocmask(SIG_BLOCK, &waited_, &oldMask_);
  }
  ~SignalGate() { restore(); }
  void restore() const {
    sigaction(SIGCHLD, &oldChild_, nullptr);
    sigprocmask(SIG_SETMASK, &oldMask_, nullptr);
  }
  SignalGate(const SignalGate&) = delete;
  SignalGate& operator=(const SignalGate&) = delete;

  // Until the child is a zombie (not yet reaped: its name can still be read).
  void passOnUntilEndOf(pid_t child) const {
    for (;;) {
      siginfo_t ended{};
      if (waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT | WNOHANG) == 0 &&
          ended.si_pid == child) {
        return;
      }
      siginfo_t info{};
      const int number = sigwaitinfo(&waited_, &info);
      // A terminal sends to the whole foreground group (si_code > 0): the child has it already.
      if (number > 0 && number != SIGCHLD && info.si_code <= 0) kill(child, number);
    }
  }

 private:
  sigset_t waited_{};
  sigset_t oldMask_{};
  struct sigaction oldChild_ {};
};

absl::StatusOr<Ended> reap(pid_t child) {
  Ended ended;
  ended.pid = child;
  ended.lastName = lastNameOf(child);
  ended.startTicks = startTicksOf(child);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return absl::InternalError(absl::StrCat("waitpid: ", std::strerror(errno)));
  }
  if (WIFSIGNALED(status)) {
    ended.signal = WTERMSIG(status);
    ended.coreDumped = WCOREDUMP(status);
    ended.exitStatus = 128 + ended.signal;
  } else {
    ended.exitStatus = WEXITSTATUS(status);
  }
  return ended;
}

}  // namespace

absl::StatusOr<Ended> run(const Launch& launch) {
  std::vector<std::string> environment = environmentFor(launch);
  std::vector<std::string> arguments = launch.arguments;
  const std::vector<char*> envp = pointers(&environment), argv = pointers(&arguments);
  int report[2];  // closed by a successful exec, holds errno of a failed one
  if (pipe2(report, O_CLOEXEC) != 0) return absl::InternalError(absl::StrCat("pipe: ", std::strerror(errno)));

  const SignalGate gate;
  const pid_t child = fork();
  if (child == 0) {
    gate.restore();
    execve(launch.path.c_str(), argv.data(), envp.data());
    const int error = errno;
    if (write(report[1], &error, sizeof error) < 0) _exit(126);
    _exit(127);
  }
  close(report[1]);
  if (child < 0) {
    close(report[0]);
    return absl::ResourceExhaustedError(absl::StrCat("fork: ", std::strerror(errno)));
  }
  int error = 0;
  ssize_t got = 0;
  while ((got = read(report[0], &error, sizeof error)) < 0 && errno == EINTR) {
  }
  close(report[0]);
  if (got == static_cast<ssize_t>(sizeof error)) {
    waitpid(child, nullptr, 0);
    return absl::NotFoundError(
        absl::StrCat(launch.path, ": cannot be executed: ", std::strerror(error),
                     error == ENOENT ? " (its loader or interpreter is missing)" : ""));
  }
  gate.passOnUntilEndOf(child);
  return reap(child);
}

}  // namespace heapprof::capture

#include "profiler/capture/launch.h"

#include <cerrno>
#include <fstream>
#include <signal.h>
#include <sys/wait.h>
#include <system_error>

#include "absl/strings/str_cat.h"

#include "profiler/capture/left_behind.h"
#include "profiler/capture/spawn.h"

namespace heapprof::capture {
namespace {

std::vector<std::string> environmentFor(const Launch& launch) {
  std::string before;
  std::vector<std::string> environment = plainEnvironment(&before);
  environment.push_back(absl::StrCat("LD_PRELOAD=", launch.library, before.empty() ? "" : ":", before));
  environment.push_back("HEAPPROF=" + launch.options);
  return environment;
}

std::string lastNameOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/comm"));
  std::string name;
  std::getline(file, name);
  return name;
}

// Until the child is a zombie (not yet reaped: its name can still be read).
void passOnUntilEndOf(pid_t child, const SignalGate& gate) {
  for (;;) {
    siginfo_t ended{};
    if (waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT | WNOHANG) == 0 &&
        ended.si_pid == child) {
      return;
    }
    siginfo_t info{};
    const int number = sigwaitinfo(&gate.waited(), &info);
    // A terminal sends to the whole foreground group (si_code > 0): the child has it already.
    if (number > 0 && number != SIGCHLD && info.si_code <= 0) kill(child, number);
  }
}

absl::StatusOr<Ended> reap(pid_t child) {
  Ended ended;
  ended.pid = child;
  ended.lastName = lastNameOf(child);
  ended.startTicks = startTicksOf(child);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR)
      return absl::InternalError(absl::StrCat("waitpid: ", std::generic_category().message(errno)));
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
  const SignalGate gate;
  const absl::StatusOr<Spawned> child = spawn({launch.path, launch.arguments, environmentFor(launch)}, gate);
  if (!child.ok()) return child.status();
  passOnUntilEndOf(child->pid, gate);
  return reap(child->pid);
}

}  // namespace heapprof::capture

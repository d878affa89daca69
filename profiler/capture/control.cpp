#include "profiler/capture/control.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace heapprof::capture {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

// A socket that is being made does not listen yet; a process that is being started still executes what starts
// it.
constexpr std::time_t kYoungSeconds = 2;

std::string errorText(int error) {
  return std::generic_category().message(error);
}

std::string whoIs(const RunningProcess& process) {
  return absl::StrCat("process ", process.pid, " (", process.name, ")");
}

void setTimeout(int socket, int option, std::chrono::seconds patience) {
  timeval time = {};
  time.tv_sec = static_cast<time_t>(patience.count());
  setsockopt(socket, SOL_SOCKET, option, &time, sizeof time);
}

// Through a descriptor of the file itself: no path is too long, and what was looked at is what is connected
// to. 0, or an errno value.
int connectTo(int socket, const std::string& path) {
  const Descriptor file(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (file.get() < 0 || fstat(file.get(), &info) != 0) return errno;
  if (!S_ISSOCK(info.st_mode)) return ENOTSOCK;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string here = absl::StrCat("/proc/self/fd/", file.get());
  here.copy(address.sun_path, sizeof address.sun_path - 1);
  return ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

// Who listens; 0: a process that our PID namespace does not show.
pid_t listenerOf(int socket) {
  ucred peer = {};
  socklen_t size = sizeof peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

// The names it may have, as seen from here. What it listens at, where we may look; else where it would by
// default.
std::vector<std::string> candidates(const RunningProcess& process) {
  const std::string folder = absl::StrCat("/proc/", process.pid);
  std::vector<std::string> out;
  for (const std::string& path : controlPathsOf(process.pid)) {
    out.push_back(absl::StrCat(folder, path[0] == '/' ? "/root" : "/cwd/", path));
    if (path[0] == '/') out.push_back(path);
  }
  if (!out.empty()) return out;
  const pid_t inside = process.pidsInside.empty() ? process.pid : process.pidsInside.back();
  const std::string name = absl::StrCat("/heapprof.", process.user, ".", inside, ".sock");
  out = {absl::StrCat(folder, "/root/tmp", name), absl::StrCat("/tmp", name),
         absl::StrCat(folder, "/root/run/user/", process.user, name),
         absl::StrCat("/run/user/", process.user, name)};
  return out;
}

absl::Status refusal(const RunningProcess& process, int error) {
  const std::string who = whoIs(process);
  if (process.user != geteuid() && geteuid() != 0)
    return absl::PermissionDeniedError(absl::StrCat(who, " belongs to user ", process.user,
                                                    ": ask as that user or as root (sudo heapprof ...)"));
  if (process.mayLookInside && !process.hasRuntime)
    return absl::FailedPreconditionError(absl::StrCat(
        who, " does not run under libheapprof.so: start it with heapprof run -- COMMAND, or with ",
        "HEAPPROF=1 LD_PRELOAD=libheapprof.so"));
  if (error == EACCES || error == EPERM)
    return absl::PermissionDeniedError(
        absl::StrCat(who,
                     process.mayLookInside ? ": its control socket is"
                                           : ": what it runs is hidden, and a control socket would be",
                     " for its own user and root (sudo heapprof ...)"));
  return absl::FailedPreconditionError(absl::StrCat(
      who, " has no control socket: it opens one where HEAPPROF is set, without control=0 or background=0, ",
      "once it allocates, unless a sandbox denies it"));
}

// 0 where it ends in a connection to the process that was meant.
int tryPath(const RunningProcess& process, const std::string& path, int socket) {
  if (const int error = connectTo(socket, path); error != 0) return error;
  const pid_t listener = listenerOf(socket);
  return listener == 0 || listener == process.pid ? 0 : ESRCH;
}

absl::StatusOr<int> openSocket() {
  const int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made < 0)
    return absl::ResourceExhaustedError(absl::StrCat("no socket to ask with: ", errorText(errno)));
  setTimeout(made, SO_SNDTIMEO, std::chrono::seconds(5));
  return made;
}

bool sendLine(int socket, const std::string& line, int descriptor) {
  iovec part = {const_cast<char*>(line.data()), line.size()};
  alignas(cmsghdr) char extra[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = extra;
    message.msg_controllen = sizeof extra;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
}

// False: nothing came in time.
bool receiveAll(int socket, std::string* out) {
  char buffer[4096];
  for (;;) {
    const ssize_t got = recv(socket, buffer, sizeof buffer, 0);
    if (got > 0) {
      out->append(buffer, static_cast<std::size_t>(got));
    } else if (got == 0 || errno == ECONNRESET) {
      return true;
    } else if (errno != EINTR) {
      return false;
    }
  }
}

}  // namespace

absl::StatusOr<Control> Control::attach(pid_t pid) {
  // A process opens its socket a tenth of a second after it has begun to allocate.
  constexpr int kAttempts = 15;
  int worst = ENOENT;
  for (int attempt = 0;; ++attempt) {
    const absl::StatusOr<RunningProcess> process = inspectProcess(pid);
    if (!process.ok()) return process.status();
    for (const std::string& path : candidates(*process)) {
      const absl::StatusOr<int> made = openSocket();
      if (!made.ok()) return made.status();
      const Descriptor socket(*made);
      const int error = tryPath(*process, path, socket.get());
      if (error == 0) return Control(*process, path);
      if (error != ENOENT) worst = error;
    }
    const bool mayCome = (process->hasRuntime || process->secondsOld < kYoungSeconds) &&
                         (process->user == geteuid() || geteuid() == 0);
    if (!mayCome || attempt == kAttempts) return refusal(*process, worst);
    std::this_thread::sleep_for(milliseconds(100));
  }
}

std::string Control::who() const {
  return whoIs(process_);
}

absl::StatusOr<int> Control::connect() const {
  const absl::StatusOr<int> made = openSocket();
  if (!made.ok()) return made.status();
  Descriptor socket(*made);
  const int error = tryPath(process_, path_, socket.get());
  if (error == 0) return socket.release();
  if (!isAlive(process_.pid)) return absl::NotFoundError(absl::StrCat(who(), " has ended"));
  if (error == EAGAIN)
    return absl::DeadlineExceededError(
        absl::StrCat(who(), " does not take connections: too many clients wait, or it is stopped"));
  return absl::UnavailableError(absl::StrCat(who(), ": its control socket is gone (", errorText(error),
                                             "); has it executed another program?"));
}

// Ended, or stopped: it will not answer.
absl::Status Control::checkRuns() const {
  const absl::StatusOr<RunningProcess> now = inspectProcess(process_.pid);
  if (!now.ok()) return absl::NotFoundError(absl::StrCat(who(), " ended before it answered"));
  if (!now->stopped) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat(who(), " is stopped: kill -CONT ", process_.pid, " lets it answer"));
}

absl::StatusOr<std::string> Control::ask(const std::string& line, int descriptor,
                                         std::chrono::seconds patience) const {
  const absl::StatusOr<int> connected = connect();
  if (!connected.ok()) return connected.status();
  const Descriptor socket(*connected);
  if (absl::Status state = checkRuns(); !state.ok()) return state;
  setTimeout(socket.get(), SO_RCVTIMEO, patience);
  std::string answer;
  const bool inTime = sendLine(socket.get(), line + "\n", descriptor) && receiveAll(socket.get(), &answer);
  const bool whole = absl::EndsWith(answer, "\n");
  if (whole) answer.pop_back();
  if (whole && answer == "ok") return std::string();
  if (whole && absl::StartsWith(answer, "ok ")) return answer.substr(3);
  if (whole && absl::StartsWith(answer, "error "))
    return absl::FailedPreconditionError(absl::StrCat(who(), ": ", answer.substr(6)));
  if (absl::Status state = checkRuns(); !state.ok()) return state;
  return absl::DeadlineExceededError(
      inTime ? absl::StrCat(who(), " closed the connection without an answer; try again")
             : absl::StrCat(who(), " did not answer within ", patience.count(), " s; try again"));
}

void removeStaleSockets() {
  std::vector<std::string> folders = {"/tmp"};
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"); runtime != nullptr && runtime[0] == '/')
    folders.emplace_back(runtime);
  const std::string ours = absl::StrCat("heapprof.", geteuid(), ".");
  for (const std::string& folder : folders) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
      const std::string name = entry.path().filename().string();
      if (!absl::StartsWith(name, ours) || !absl::EndsWith(name, ".sock")) continue;
      struct stat info {};
      if (lstat(entry.path().c_str(), &info) != 0 || !S_ISSOCK(info.st_mode) || info.st_uid != geteuid())
        continue;
      if (info.st_ctim.tv_sec + kYoungSeconds > std::time(nullptr)) continue;
      const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (connectTo(socket.get(), entry.path().string()) == ECONNREFUSED) unlink(entry.path().c_str());
    }
  }
}

}  // namespace heapprof::capture

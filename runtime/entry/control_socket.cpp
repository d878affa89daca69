#include "runtime/entry/control_socket.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/in_child.h"
#include "runtime/entry/control_sweep.h"
#include "runtime/introspect/text.h"
#include "runtime/os/os.h"

namespace heapprof::entry {
namespace {

constexpr std::uint32_t kOwnerOnly = 0600;
constexpr std::uint64_t kMostNames = 9;

constinit char folder[config::kControlBytes] = "";  // or the whole path that control= named
constinit bool isWholePath = false;                 // both written by the constructor
constinit char path[config::kControlBytes] = "";
constinit std::uint64_t device = 0;
constinit std::uint64_t inode = 0;
// kMade by release: path, device and inode are set. kOver: the process ends, and nobody would remove a new
// one.
enum class File : std::uint8_t { kNone, kMade, kOver };
constinit std::atomic<File> file{File::kNone};

void removeIfOurs() noexcept {
  struct stat info;
  if (lstat(path, &info) == 0 && info.st_dev == device && info.st_ino == inode) os::calls().unlink(path);
}

const char* runtimeFolder() noexcept {
  constexpr const char* kKey = "XDG_RUNTIME_DIR=";
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (!introspect::startsWith(*entry, kKey)) continue;
    const char* value = *entry + std::strlen(kKey);
    struct stat info;
    const bool ours = value[0] == '/' && stat(value, &info) == 0 && S_ISDIR(info.st_mode) &&
                      info.st_uid == geteuid() && access(value, W_OK) == 0;
    if (ours) return value;
  }
  return "/tmp";
}

bool setPath(std::uint64_t number) noexcept {
  introspect::Text text(path, sizeof path);
  text.add(folder);
  if (!isWholePath) {
    text.add("/heapprof.").decimal(geteuid()).character('.').decimal(static_cast<std::uint64_t>(getpid()));
    if (number > 1) text.character('.').decimal(number);
    text.add(".sock");
  }
  return !text.truncated();
}

// Left by a process that is gone (killed, or another program by exec).
bool isStale() noexcept {
  struct stat info;
  if (lstat(path, &info) != 0 || !S_ISSOCK(info.st_mode) || info.st_uid != geteuid()) return false;
  const int listener = os::calls().connectUnix(path);
  if (listener < 0) return errno == ECONNREFUSED;
  os::calls().close(listener);
  return false;
}

int listenHere() noexcept {
  const int socket = os::calls().listenUnix(path, kOwnerOnly);
  if (socket >= 0 || errno != EADDRINUSE) return socket;
  if (!isStale() || !os::calls().unlink(path)) {
    errno = EADDRINUSE;
    return -1;
  }
  return os::calls().listenUnix(path, kOwnerOnly);
}

}  // namespace

bool chooseControlPlace(const config::Control& wanted) noexcept {
  isWholePath = wanted.path[0] != '\0';
  introspect::Text text(folder, sizeof folder);
  text.add(isWholePath ? wanted.path : runtimeFolder());
  return !text.truncated() && setPath(kMostNames);
}

int openControlSocket() noexcept {
  int socket = -1;
  if (file.load(std::memory_order_acquire) == File::kOver) return -1;
  for (std::uint64_t number = 1; socket < 0 && number <= (isWholePath ? 1 : kMostNames); ++number) {
    if (!setPath(number)) return -1;
    socket = listenHere();
    if (socket < 0 && errno != EADDRINUSE) return -1;
  }
  struct stat info;
  if (socket < 0 || lstat(path, &info) != 0) return socket;
  device = info.st_dev;
  inode = info.st_ino;
  File none = File::kNone;
  if (!file.compare_exchange_strong(none, File::kMade, std::memory_order_acq_rel)) removeIfOurs();
  if (!isWholePath) sweepControlSockets(folder);
  return socket;
}

const char* controlSocketPath() noexcept {
  return file.load(std::memory_order_acquire) == File::kMade ? path : "";
}

void removeControlSocket() noexcept {
  // acquire: pairs with openControlSocket()
  if (file.exchange(File::kOver, std::memory_order_acq_rel) == File::kMade) removeIfOurs();
}

void forgetControlSocket() noexcept {
  base::setInChild(file, File::kNone);
}

}  // namespace heapprof::entry

#include "runtime/os/sockets.h"

#include <cstring>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

namespace heapprof::os {
namespace {

constexpr long kCloseRange = 436;  // Linux 5.9
constexpr unsigned kUnshare = 2;   // CLOSE_RANGE_UNSHARE
constexpr int kBacklog = 16;
constexpr std::size_t kMostWatched = 32;

// False: too long a path.
bool addressOf(const char* path, sockaddr_un* out) noexcept {
  *out = {};
  out->sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length == 0 || length >= sizeof out->sun_path) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(out->sun_path, path, length);
  return true;
}

int makeSocket() noexcept {
  return static_cast<int>(syscall(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int closeAndFail(int descriptor) noexcept {
  const int error = errno;
  syscall(SYS_close, descriptor);
  errno = error;
  return -1;
}

}  // namespace

bool waitReadable(Watched* watched, std::size_t count, std::uint64_t nanos) noexcept {
  constexpr std::uint64_t kSecond = 1000000000;
  pollfd list[kMostWatched];
  if (count > kMostWatched) count = kMostWatched;
  for (std::size_t i = 0; i < count; ++i) list[i] = {watched[i].descriptor, POLLIN, 0};
  timespec timeout = {};
  timeout.tv_sec = static_cast<time_t>(nanos / kSecond);
  timeout.tv_nsec = static_cast<long>(nanos % kSecond);
  const long got = syscall(SYS_ppoll, list, count, nanos == 0 ? nullptr : &timeout, nullptr, 0);
  for (std::size_t i = 0; i < count; ++i) watched[i].readable = got > 0 && list[i].revents != 0;
  return got > 0;
}

long receive(int socket, char* buffer, std::size_t capacity, int* passed) noexcept {
  iovec part = {buffer, capacity};
  alignas(cmsghdr) char extra[CMSG_SPACE(4 * sizeof(int))];
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = extra;
  message.msg_controllen = sizeof extra;
  const long got = syscall(SYS_recvmsg, socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? kWouldBlock : kBroken;
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(at) + i * sizeof(int), sizeof(int));
      if (*passed < 0) {
        *passed = descriptor;
      } else {
        syscall(SYS_close, descriptor);
      }
    }
  }
  return got;
}

bool sendNow(int socket, const char* data, std::size_t size) noexcept {
  return syscall(SYS_sendto, socket, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0) ==
         static_cast<long>(size);
}

Peer peerOf(int socket) noexcept {
  ucred peer = {};
  socklen_t size = sizeof peer;
  Peer out;
  out.known =
      syscall(SYS_getsockopt, socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && size == sizeof peer;
  out.user = peer.uid;
  return out;
}

bool takeEmptyDescriptorTable() noexcept {
  return syscall(kCloseRange, 0u, ~0u, kUnshare) == 0;
}

int listenUnix(const char* path, std::uint32_t mode) noexcept {
  sockaddr_un address;
  if (!addressOf(path, &address)) return -1;
  const int socket = makeSocket();
  if (socket < 0) return -1;
  // Before bind(): the file is made with the socket's own mode. The umask belongs to the whole process.
  if (syscall(SYS_fchmod, socket, mode) != 0 || syscall(SYS_bind, socket, &address, sizeof address) != 0 ||
      syscall(SYS_listen, socket, kBacklog) != 0)
    return closeAndFail(socket);
  return socket;
}

int connectUnix(const char* path) noexcept {
  sockaddr_un address;
  if (!addressOf(path, &address)) return -1;
  const int socket = makeSocket();
  if (socket < 0) return -1;
  if (syscall(SYS_connect, socket, &address, sizeof address) != 0) return closeAndFail(socket);
  return socket;
}

int acceptUnix(int socket) noexcept {
  return static_cast<int>(syscall(SYS_accept4, socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

}  // namespace heapprof::os

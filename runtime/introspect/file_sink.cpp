#include "runtime/introspect/file_sink.h"

#include <cerrno>
#include <cstring>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "runtime/os/os.h"

namespace heapprof::introspect {
namespace {

constexpr int kShielded[2] = {SIGXFSZ, SIGPIPE};

}  // namespace

FileSink::FileSink(int fd, unsigned char* buffer, std::size_t capacity) noexcept
    : fd_(fd), buffer_(buffer), capacity_(capacity) {
  const os::FileSeen seen = os::seeFile(fd);
  if (!seen.known) error_ = errno;
  device_ = seen.device;
  inode_ = seen.inode;
}

wire::Sink FileSink::sink() noexcept {
  return wire::Sink{[](void* context, const void* data, std::size_t size) {
                      return static_cast<FileSink*>(context)->put(data, size);
                    },
                    this};
}

bool FileSink::stillOurs() const noexcept {
  const os::FileSeen seen = os::seeFile(fd_);
  return seen.known && seen.device == device_ && seen.inode == inode_;
}

bool FileSink::put(const void* data, std::size_t size) noexcept {
  const auto* at = static_cast<const unsigned char*>(data);
  while (size != 0 && error_ == 0) {
    const std::size_t room = capacity_ - used_;
    const std::size_t part = size < room ? size : room;
    std::memcpy(buffer_ + used_, at, part);
    used_ += part;
    at += part;
    size -= part;
    if (used_ == capacity_ && !flush()) {
      return false;
    }
  }
  return error_ == 0;
}

bool FileSink::flush() noexcept {
  std::size_t done = 0;
  if (error_ == 0 && used_ != 0 && !stillOurs()) {
    error_ = EBADF;
  }
  while (error_ == 0 && done < used_) {
    const long wrote = os::calls().write(fd_, buffer_ + done, used_ - done);
    if (wrote > 0) {
      done += static_cast<std::size_t>(wrote);
    } else {
      error_ = wrote < 0 ? errno : EIO;
    }
  }
  used_ = 0;
  return error_ == 0;
}

WriteSignalShield::WriteSignalShield() noexcept {
  static_assert(sizeof(sigset_t) <= sizeof before_);
  sigset_t pending;
  sigpending(&pending);
  sigset_t block;
  sigemptyset(&block);
  for (int i = 0; i < 2; ++i) {
    pendingBefore_[i] = sigismember(&pending, kShielded[i]) == 1;
    sigaddset(&block, kShielded[i]);
  }
  pthread_sigmask(SIG_BLOCK, &block, reinterpret_cast<sigset_t*>(before_));
}

// A signal that our own write raised is taken before it can be delivered; one that was waiting already is not
// ours.
WriteSignalShield::~WriteSignalShield() {
  for (int i = 0; i < 2; ++i) {
    if (!pendingBefore_[i]) {
      sigset_t one;
      sigemptyset(&one);
      sigaddset(&one, kShielded[i]);
      const timespec now{};
      while (sigtimedwait(&one, nullptr, &now) < 0 && errno == EINTR) {
      }
    }
  }
  pthread_sigmask(SIG_SETMASK, reinterpret_cast<sigset_t*>(before_), nullptr);
}

}  // namespace heapprof::introspect

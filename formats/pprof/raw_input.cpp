#include "formats/pprof/raw_input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

#include "formats/pprof/fault.h"

namespace heapprof::formats {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;
constexpr std::uint64_t kProgressBytes = 1 << 20;
constexpr int kWriterMillis = 10000;  // a named pipe that nobody opens would be waited for for ever

const char* adviceFor(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "check the path";
    case EACCES:
    case EPERM:
      return "dumps are written with mode 0600: read it as the user who ran the program";
    default:
      return "nothing was read";
  }
}

absl::Status openError(const std::string& name, int error) {
  const std::string text =
      absl::StrCat(name, ": cannot be opened: ", std::strerror(error), "; ", adviceFor(error));
  if (error == ENOENT || error == ENOTDIR) {
    return absl::NotFoundError(text);
  }
  return error == EACCES || error == EPERM ? absl::PermissionDeniedError(text) : absl::UnavailableError(text);
}

}  // namespace

RawInput::~RawInput() {
  if (file_ >= 0) {
    close(file_);
  }
}

absl::Status RawInput::openFile() {
  // Without O_NONBLOCK, opening a named pipe already waits for its writer.
  file_ = open(name_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (file_ < 0) {
    return openError(name_, errno);
  }
  struct stat info {};
  if (fstat(file_, &info) != 0) {
    return openError(name_, errno);
  }
  if (S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(name_, ": is a directory; name the dump in it"));
  }
  if (S_ISREG(info.st_mode)) {
    total_ = static_cast<std::uint64_t>(info.st_size);
  }
  mayLackWriter_ = S_ISFIFO(info.st_mode);
  buffer_.resize(kPieceBytes);
  return absl::OkStatus();
}

// One read; of a pipe whose writer has not come yet, the first one waits for it.
ssize_t RawInput::readSome(std::uint8_t* to, std::size_t size) {
  ssize_t got = ::read(file_, to, size);
  if (got == 0 && mayLackWriter_) {
    pollfd event{file_, POLLIN, 0};
    const bool nothing = poll(&event, 1, kWriterMillis) == 0;
    got = ::read(file_, to, size);
    nobodyWrites_ = nothing && got == 0;
  }
  mayLackWriter_ = false;
  if (got < 0 && errno == EAGAIN && fcntl(file_, F_SETFL, 0) == 0) {  // its writer is slow: now wait for it
    got = ::read(file_, to, size);
  }
  return got;
}

absl::Status RawInput::readPiece(Bytes* piece) {
  if (file_ < 0) {
    const std::size_t from = static_cast<std::size_t>(consumed());
    *piece = memory_.subspan(from, std::min<std::size_t>(memory_.size() - from, kProgressBytes));
    return absl::OkStatus();
  }
  std::size_t filled = 0;  // a full piece unless the end comes first: pipes give a little at a time
  while (filled < buffer_.size()) {
    const ssize_t got = readSome(buffer_.data() + filled, buffer_.size() - filled);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return absl::UnavailableError(faultLine(name_, consumed() + filled,
                                              absl::StrCat("reading failed: ", std::strerror(errno)),
                                              "check the disk or the mount and try again"));
    }
    if (got == 0 && nobodyWrites_) {
      return absl::UnavailableError(faultLine(name_, 0, "nothing writes into this pipe",
                                              "start what writes into it first, or give a file"));
    }
    if (got == 0) {
      break;
    }
    filled += static_cast<std::size_t>(got);
  }
  *piece = Bytes(buffer_.data(), filled);
  return absl::OkStatus();
}

absl::Status RawInput::next(Bytes* piece) {
  if (absl::Status status = readPiece(piece); !status.ok()) {
    return status;
  }
  consumed_.store(consumed() + piece->size(), std::memory_order_relaxed);
  return nextTells_ ? tell(consumed(), piece->empty()) : absl::OkStatus();
}

absl::Status RawInput::tell(std::uint64_t consumed, bool atEnd) {
  const bool due = consumed - reported_ >= kProgressBytes || atEnd;
  if (progress_ && due) {
    reported_ = consumed;
    if (!progress_(consumed, total_)) {
      return absl::CancelledError(absl::StrCat(name_, ": reading was cancelled"));
    }
  }
  return absl::OkStatus();
}

}  // namespace heapprof::formats

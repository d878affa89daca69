#include "runtime/introspect/line_reader.h"

#include <cerrno>
#include <cstring>

#include "runtime/introspect/text.h"
#include "runtime/os/os.h"

namespace heapprof::introspect {

LineReader::LineReader(const char* path, char* buffer, std::size_t capacity) noexcept
    : fd_(os::calls().openRead(path)), buffer_(buffer), capacity_(capacity) {
  if (fd_ < 0) {
    error_ = errno;
    atEnd_ = true;
  }
}

LineReader::~LineReader() {
  if (fd_ >= 0) {
    os::calls().close(fd_);
  }
}

// Moves the unread rest to the front and reads on; false when nothing more came.
bool LineReader::fill() noexcept {
  if (atEnd_) {
    return false;
  }
  std::memmove(buffer_, buffer_ + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (end_ + 1 >= capacity_) {
    return false;
  }
  const long got = os::calls().read(fd_, buffer_ + end_, capacity_ - 1 - end_);
  if (got <= 0) {
    if (got < 0) {
      error_ = errno;
    }
    atEnd_ = true;
    return false;
  }
  end_ += static_cast<std::size_t>(got);
  return true;
}

const char* LineReader::next() noexcept {
  for (;;) {
    char* start = buffer_ + begin_;
    auto* newline = static_cast<char*>(std::memchr(start, '\n', end_ - begin_));
    if (newline != nullptr) {
      *newline = '\0';
      begin_ = static_cast<std::size_t>(newline - buffer_) + 1;
      return start;
    }
    if (!fill()) {
      if (end_ == begin_) {
        return nullptr;
      }
      buffer_[end_] = '\0';  // the last line without "\n", or one too long: given as far as it fits
      const char* rest = buffer_ + begin_;
      begin_ = end_;
      return rest;
    }
  }
}

long readSmallFile(const char* path, char* buffer, std::size_t capacity) noexcept {
  const int fd = os::calls().openRead(path);
  if (fd < 0) {
    return -1;
  }
  std::size_t used = 0;
  long got = 0;
  while (used + 1 < capacity) {
    got = os::calls().read(fd, buffer + used, capacity - 1 - used);
    if (got <= 0) {
      break;
    }
    used += static_cast<std::size_t>(got);
  }
  const int error = errno;
  os::calls().close(fd);
  errno = error;
  buffer[used] = '\0';
  return got < 0 ? -1 : static_cast<long>(used);
}

bool readNumberFile(const char* path, std::uint64_t* out) noexcept {
  char text[64];
  if (readSmallFile(path, text, sizeof text) <= 0 || text[0] < '0' || text[0] > '9') {
    return false;
  }
  const char* at = text;
  *out = takeDecimal(&at);
  return true;
}

}  // namespace heapprof::introspect

#include "runtime/introspect/text.h"

#include <cerrno>
#include <cstring>

namespace heapprof::introspect {

Text& Text::add(const char* text) noexcept {
  return add(text, std::strlen(text));
}

Text& Text::add(const char* text, std::size_t length) noexcept {
  const std::size_t room = capacity_ - 1 - used_;
  if (length > room) {
    length = room;
    truncated_ = true;
  }
  std::memcpy(buffer_ + used_, text, length);
  used_ += length;
  buffer_[used_] = '\0';
  return *this;
}

Text& Text::decimal(std::uint64_t value) noexcept {
  char digits[20];
  std::size_t at = sizeof digits;
  do {
    digits[--at] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return add(digits + at, sizeof digits - at);
}

Text& Text::hex(std::uint64_t value) noexcept {
  char digits[16];
  std::size_t at = sizeof digits;
  do {
    digits[--at] = "0123456789abcdef"[value & 15];
    value >>= 4;
  } while (value != 0);
  return add(digits + at, sizeof digits - at);
}

Text& Text::size(std::uint64_t bytes) noexcept {
  constexpr const char* kUnits[] = {" bytes", " KiB", " MiB", " GiB", " TiB"};
  std::size_t unit = 0;
  while (unit < 4 && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return decimal(bytes).add(kUnits[unit]);
}

void Text::clear() noexcept {
  used_ = 0;
  truncated_ = false;
  buffer_[0] = '\0';
}

void Text::shorten(std::size_t by) noexcept {
  used_ -= by < used_ ? by : used_;
  buffer_[used_] = '\0';
}

std::uint64_t takeDecimal(const char** at) noexcept {
  std::uint64_t value = 0;
  while (**at >= '0' && **at <= '9') {
    value = value * 10 + static_cast<std::uint64_t>(**at - '0');
    ++*at;
  }
  return value;
}

std::uint64_t takeHex(const char** at) noexcept {
  std::uint64_t value = 0;
  for (;; ++*at) {
    const char c = **at;
    if (c >= '0' && c <= '9') {
      value = value * 16 + static_cast<std::uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = value * 16 + static_cast<std::uint64_t>(c - 'a' + 10);
    } else {
      return value;
    }
  }
}

void skipSpaces(const char** at) noexcept {
  while (**at == ' ' || **at == '\t') {
    ++*at;
  }
}

bool startsWith(const char* text, const char* prefix) noexcept {
  return std::strncmp(text, prefix, std::strlen(prefix)) == 0;
}

bool endsWith(const char* text, std::size_t length, const char* suffix) noexcept {
  const std::size_t size = std::strlen(suffix);
  return length >= size && std::memcmp(text + length - size, suffix, size) == 0;
}

const char* errorText(int error) noexcept {
  struct Row {
    int error;
    const char* text;
  };
  constexpr Row kRows[] = {
      {EPERM, "operation not permitted"},
      {ENOENT, "no such file or directory"},
      {EINTR, "interrupted"},
      {EIO, "input/output error"},
      {EBADF, "the descriptor is not open for writing, or was closed by the program meanwhile"},
      {EAGAIN, "the descriptor would block"},
      {ENOMEM, "out of memory"},
      {EACCES, "permission denied"},
      {EBUSY, "another dump is being written"},
      {EEXIST, "the file exists already and is never replaced"},
      {ENOTDIR, "a part of the path is not a directory"},
      {EISDIR, "it is a directory"},
      {EINVAL, "invalid argument"},
      {ENFILE, "too many open files on this machine"},
      {EMFILE, "too many open files in this process"},
      {EFBIG, "file too large (a limit on file sizes is in force)"},
      {ENOSPC, "no space left on the device"},
      {EROFS, "read-only file system"},
      {EPIPE, "the reader has gone"},
      {ENAMETOOLONG, "file name too long"},
      {ENOSYS, "not available here"},
      {ELOOP, "too many symbolic links"},
      {EDQUOT, "disk quota exceeded"},
      {ECANCELED, "not in a forked child that shares its parent's memory"},
  };
  for (const Row& row : kRows) {
    if (row.error == error) {
      return row.text;
    }
  }
  return "failed";
}

}  // namespace heapprof::introspect

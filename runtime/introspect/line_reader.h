// Reads a text file of /proc, /sys or the cgroup tree line by line through the OS layer, in a caller's
// buffer.
//
// Invariant: next() gives whole lines, NUL-terminated, without "\n"; a line longer than the buffer is cut.
// The descriptor is open between the constructor and the destructor only. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::introspect {

class LineReader {
 public:
  LineReader(const char* path, char* buffer, std::size_t capacity) noexcept;
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  bool opened() const noexcept { return fd_ >= 0; }
  int error() const noexcept { return error_; }  // errno of what failed, 0: nothing did
  const char* next() noexcept;                   // null at the end; valid until the next call

 private:
  bool fill() noexcept;
  int fd_;
  int error_ = 0;
  char* buffer_;
  std::size_t capacity_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool atEnd_ = false;
};

// The whole of a small file (up to capacity-1 bytes), NUL-terminated; its length, negative: could not be read
// (errno).
long readSmallFile(const char* path, char* buffer, std::size_t capacity) noexcept;

// One number alone in a file, e.g. memory.current. False where it cannot be read.
bool readNumberFile(const char* path, std::uint64_t* out) noexcept;

}  // namespace heapprof::introspect

// Bytes of a dump to a file descriptor, in large writes.
//
// Invariant: before each write the descriptor is checked to be the file that it was: a program may close all
// its descriptors at any time and open its own under our number, which we must neither write to nor close.
// After the first failure nothing more is written and error() says why. One thread; the buffer outlives it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/wire/writer.h"

namespace heapprof::introspect {

class FileSink {
 public:
  FileSink(int fd, unsigned char* buffer, std::size_t capacity) noexcept;
  wire::Sink sink() noexcept;
  bool flush() noexcept;
  bool stillOurs() const noexcept;
  int error() const noexcept { return error_; }

 private:
  bool put(const void* data, std::size_t size) noexcept;
  int fd_;
  unsigned char* buffer_;
  std::size_t capacity_;
  std::size_t used_ = 0;
  int error_ = 0;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

// While it lives, a full disk quota (SIGXFSZ) or a reader that went away (SIGPIPE) are errors, not the
// program's death.
class WriteSignalShield {
 public:
  WriteSignalShield() noexcept;
  ~WriteSignalShield();
  WriteSignalShield(const WriteSignalShield&) = delete;
  WriteSignalShield& operator=(const WriteSignalShield&) = delete;

 private:
  alignas(8) unsigned char before_[128];  // sigset_t, kept out of this header
  bool pendingBefore_[2] = {};
};

}  // namespace heapprof::introspect

// What the targets share: a claim that ends the run where it does not hold, and bytes as a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include "absl/status/status.h"

namespace heapprof::fuzz {

inline void require(bool holds, const std::string& claim) {
  if (holds) return;
  std::fprintf(stderr, "property broken: %s\n", claim.c_str());
  std::abort();
}

inline void requireOneLine(const absl::Status& status, const std::string& from) {
  if (status.ok()) return;
  const std::string message(status.message());
  require(!message.empty() && message.find('\n') == std::string::npos, from + " is one line: " + message);
}

// Lives in memory only; the path is good for as long as this is.
class FileOfBytes {
 public:
  FileOfBytes(const std::uint8_t* data, std::size_t size) : file_(memfd_create("fuzz", MFD_CLOEXEC)) {
    require(file_ >= 0 && write(file_, data, size) == static_cast<ssize_t>(size), "a file in memory");
  }
  ~FileOfBytes() { close(file_); }
  FileOfBytes(const FileOfBytes&) = delete;
  FileOfBytes& operator=(const FileOfBytes&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_;
};

}  // namespace heapprof::fuzz

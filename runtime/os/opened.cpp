#include "runtime/os/opened.h"

#include <cstdint>

#include "runtime/os/os.h"

namespace heapprof::os {
namespace {

constexpr int kMostAtOnce = 3;  // a dump has pagemap and a file of /proc open

struct Opened {
  int number;  // descriptor + 1; 0: none
  std::uint64_t device, inode;
};
[[gnu::tls_model("initial-exec")]] constinit thread_local Opened opened[kMostAtOnce] = {};

}  // namespace

void noteOpened(int fd) noexcept {
  Opened* free = nullptr;
  for (Opened& one : opened) {
    if (one.number == fd + 1) one.number = 0;  // it was closed by somebody else
    if (one.number == 0) free = &one;
  }
  const FileSeen seen = free == nullptr ? FileSeen{} : seeFile(fd);
  if (seen.known) *free = {fd + 1, seen.device, seen.inode};
}

bool isStillOurs(int fd, bool closing) noexcept {
  for (Opened& one : opened) {
    if (one.number != fd + 1) continue;
    if (closing) one.number = 0;
    const FileSeen seen = seeFile(fd);
    return seen.known && seen.device == one.device && seen.inode == one.inode;
  }
  return true;
}

}  // namespace heapprof::os

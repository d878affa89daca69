// What the programs that tests run on the real library share: their own figures, read without allocating, so
// that what is measured is not woken by it; waiting, for a machine under load; and a system call filter.
#pragma once

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace heapprof::tests {

// The number after `key` in a file of /proc; -1: cannot be read, or is not there.
inline long figureOf(const char* path, const char* key) {
  static char text[8192];
  const int fd = open(path, O_RDONLY);
  if (fd < 0) return -1;
  const ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  text[size > 0 ? size : 0] = '\0';
  const char* at = std::strstr(text, key);
  return at == nullptr ? -1 : std::atol(at + std::strlen(key) + 1);
}
inline long rssKiB() {
  return figureOf("/proc/self/status", "VmRSS");
}

// Polls.
template <typename Condition>
bool within(double seconds, Condition condition) {
  for (int i = 0; i < seconds * 50; ++i) {
    if (condition()) return true;
    usleep(20000);
  }
  return condition();
}

// False: the kernel takes no filter.
template <std::size_t kCount>
bool filterCalls(sock_filter (&filter)[kCount]) {
  const sock_fprog program = {static_cast<unsigned short>(kCount), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace heapprof::tests

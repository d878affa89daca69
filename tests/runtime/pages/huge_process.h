// Runs huge_victim under the real library.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/wait.h>

namespace heapprof::tests {

inline std::string victimCommand(const std::string& what, const std::string& options) {
  return "timeout 60 env HEAPPROF=" + options + " LD_PRELOAD=" HEAPPROF_LIBRARY " " HEAPPROF_VICTIM " " +
         what;
}

// Its exit status; -1 where it was killed, 124 where it did not end.
inline int runVictim(const std::string& what, const std::string& options = "0") {
  const int status = std::system(victimCommand(what, options).c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// What it prints: the smallest of three runs, in KiB; -1: nothing.
inline long leastPrinted(const std::string& what, const std::string& options = "0") {
  long least = -1;
  for (int i = 0; i < 3; ++i) {
    std::FILE* output = popen(victimCommand(what, options).c_str(), "r");
    if (output == nullptr) return -1;
    long value = -1;
    const bool read = std::fscanf(output, "%ld", &value) == 1;
    if (pclose(output) == 0 && read && (least < 0 || value < least)) least = value;
  }
  return least;
}

}  // namespace heapprof::tests

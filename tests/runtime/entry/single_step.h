// Runs a program step by step and counts the instructions of chosen functions, from entry to return.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace heapprof::tests {

struct Counted {
  std::uintptr_t entry = 0;
  std::map<std::uint64_t, std::uint64_t> callsByInstructions;  // a histogram
  std::map<std::uint64_t, std::uint64_t> callsByLocked;        // by locked instructions, each of which waits
                                                               // for all earlier stores
  std::uint64_t calls() const;
  std::uint64_t mostFrequent() const;
  std::uint64_t mostFrequentLocked() const;
  // The least that a tenth of the calls do not exceed.
  std::uint64_t tenth() const;
  std::uint64_t tenthLocked() const;
  double mean() const;
  double shareAbove(std::uint64_t instructions) const;
};

// The program writes the addresses of the functions to count to descriptor 3, then traps twice by itself
// (int3): where counting begins, and where it ends; `times` times, and runs freely in between. Other work on
// the machine, and signals from outside, change nothing but the time it takes. False when the program ended
// or may not be stepped through; `why` says which. `started` is the program's process while it runs.
bool countCalls(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                std::vector<Counted>* functions, std::string* why, std::atomic<pid_t>* started = nullptr,
                int times = 1);

}  // namespace heapprof::tests

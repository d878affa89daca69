// Runs a program step by step and counts the instructions of chosen functions, from entry to return.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace heapprof::tests {

struct Counted {
  std::uintptr_t entry = 0;
  std::map<std::uint64_t, std::uint64_t> callsByInstructions;  // a histogram
  std::uint64_t calls() const;
  std::uint64_t mostFrequent() const;
  double shareAbove(std::uint64_t instructions) const;
};

// The program stops itself three times (SIGTRAP): first with the addresses of the functions to count in a
// pipe, the second time where counting begins, the third where it ends. False where single-stepping is not
// permitted here; `why` says so.
bool countCalls(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                std::vector<Counted>* functions, std::string* why);

}  // namespace heapprof::tests

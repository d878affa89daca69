// What /proc says again and again of a command's memory while it runs: the command and all that it started.
//
// Why the largest process and not the sum: pages that processes share are in the RSS of each, and a process
// that has just forked is there twice. Why paced: a reading costs some 20 us, one of huge pages walks every
// page table and holds a lock that page faults want; both stay below 1% of a core. Invariant: what was never
// read is unknown. One thread.
#pragma once

#include <cstdint>
#include <sys/types.h>
#include <vector>

#include "absl/types/optional.h"

namespace heapprof::capture {

class MemoryWatch {
 public:
  explicit MemoryWatch(pid_t root);

  void lookAtEnd();                     // all of it, due or not: the command is about to end
  void look();                          // reads what is due
  std::int64_t nanosUntilNext() const;  // 1 ms at first, 10 ms from the first second on
  std::uint64_t peakRssBytes() const { return peakRss_; }  // the kernel's own peak, as last read; 0: not read
  bool sawEnd() const { return sawEnd_; }
  absl::optional<std::uint64_t> lastRssBytes() const { return lastRss_; }
  absl::optional<std::uint64_t> peakHugeBytes() const { return peakHuge_; }

 private:
  void findProcesses();
  void readRss();
  void readHuge();

  std::int64_t start_, now_;
  std::int64_t nextTree_ = 0, nextHuge_ = 0;  // when they are due
  std::vector<pid_t> processes_;              // of the command and of all that it started, itself first
  std::uint64_t peakRss_ = 0;
  absl::optional<std::uint64_t> lastRss_, peakHuge_;
  bool sawEnd_ = false;
};

// Of all its threads; empty where the kernel does not list them (CONFIG_PROC_CHILDREN).
std::vector<pid_t> childrenOf(pid_t pid);

}  // namespace heapprof::capture

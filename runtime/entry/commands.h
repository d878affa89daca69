// What the C API and the control socket both can ask for, once.
//
// Invariant: startRecording() has run. Functions give 0 or a positive errno value. Threads: any, but
// changeInterval() opens the unwinder, whose descriptors belong to the program's table: not on the control
// thread, which has a table of its own.
#pragma once

#include <cstddef>
#include <cstdint>

struct heapprof_stats;

namespace heapprof::entry {

// EINVAL above 1 TiB; 0: off.
int changeInterval(std::uint64_t interval) noexcept;
// What 0 stands for where sampling is to start: the option's interval, else 512 KiB.
std::uint64_t startInterval(std::uint64_t interval) noexcept;

void readStats(heapprof_stats* out) noexcept;
// One line of JSON, terminated. ENOSPC: does not fit.
int writeStatsJson(char* out, std::size_t capacity) noexcept;

extern const char kVersion[];

}  // namespace heapprof::entry

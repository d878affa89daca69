// The kernel's figures for the whole process: RSS, PSS, peak, threads, and the cgroup's charge.
//
// Invariant: a figure that could not be read has known == false. RSS is exact where smaps_rollup is cheap
// (small processes); above that it is VmRSS, which kernels before 6.17 may have a little wrong (per-CPU
// counters).
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::introspect {

struct Figure {
  bool known = false;
  std::uint64_t value = 0;
  void set(std::uint64_t v) noexcept {
    known = true;
    value = v;
  }
};

struct ProcessFigures {
  Figure rss, pss, peakRss, anonymousRss, swapped, threads;
  int rollupError = 0;  // why smaps_rollup was not used, 0: it was; E2BIG: too large a process to walk
};

inline constexpr std::size_t kFiguresBufferBytes = 8192;

ProcessFigures readProcessFigures(char* buffer) noexcept;
// The RSS alone, cheaply: statm.
Figure readRss() noexcept;

struct CgroupFigures {
  Figure charge;
  // Charged to the cgroup as anonymous memory, but mapped no more (parts of huge pages given back). Only
  // known when this process is alone in its cgroup.
  Figure chargedUnmapped;
  const char* version = "";  // "v1", "v2"
};

CgroupFigures readCgroupFigures(char* buffer, const Figure& anonymousRss) noexcept;

}  // namespace heapprof::introspect

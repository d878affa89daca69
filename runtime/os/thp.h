// What the administrator and the process say about transparent huge pages of the PMD size.
//
// Invariant: read anew at each call (both may change while we run); nothing is remembered. Threads: any.
#pragma once

#include <cstdint>

namespace heapprof::os {

enum class ThpSetting : std::uint8_t {
  kUnreadable,  // no such file: a kernel without them, or no /sys
  kNever,
  kMadvise,
  kAlways,
};

// /sys/kernel/mm/transparent_hugepage/enabled, and the file of the PMD size where that does not inherit it.
ThpSetting readThpSetting() noexcept;

// prctl(PR_SET_THP_DISABLE), here or in an ancestor: faults, khugepaged and MADV_COLLAPSE all leave us alone.
bool thpIsDisabledHere() noexcept;

}  // namespace heapprof::os

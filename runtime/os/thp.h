// What the administrator and the process say about transparent huge pages: those of the PMD size, and the
// smaller ones that a kernel has beside them (mTHP, Linux 6.8), which come by faults alone.
//
// Invariant: read anew at each call (both may change while we run); nothing is remembered. Threads: any.
#pragma once

#include <cstddef>
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

inline constexpr std::size_t kSettingBytes = 16;  // of the longest word, and more
// The word in force of /sys/.../hugepages-*kB/enabled: never, inherit, madvise or always. False: the kernel
// has no pages of that size, or cannot be asked.
bool readSizeSetting(std::size_t bytes, char (&word)[kSettingBytes]) noexcept;

// Whether a first touch may make more than a page resident where no advice was given: some size is `always`,
// or inherits it.
bool faultsMayBeHuge() noexcept;

// prctl(PR_SET_THP_DISABLE), here or in an ancestor: faults, khugepaged and MADV_COLLAPSE all leave us alone.
bool thpIsDisabledHere() noexcept;

}  // namespace heapprof::os

// Where a memory controller is mounted, from a line of /proc/self/mountinfo: for machines that mount it
// elsewhere than usual.
//
// Invariant: pure functions on one line, which is taken apart in a copy. Threads: any.
#pragma once

#include <cstddef>

namespace heapprof::os {

// Of the mount that shows the cgroup `own` (as /proc/self/cgroup names it): its mount point, and where `own`
// is below it; a container may see only its own part of the tree. False: another file system, another
// controller, or a mount that does not show `own`.
bool cgroupMountOf(const char* line, int version, const char* own, char* mountPoint, std::size_t capacity,
                   const char** below) noexcept;

}  // namespace heapprof::os

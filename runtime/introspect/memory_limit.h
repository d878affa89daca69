// How near the process's cgroup is to its memory limit, for the trigger that leaves evidence before an OOM
// kill.
//
// Invariant: the limits are those of the cgroup and of every cgroup above it that this mount namespace shows
// (v2: memory.max and memory.high; v1: memory.limit_in_bytes); RLIMIT_AS is none. What is counted against a
// limit is the charge without the file cache, which the kernel drops before it kills. Where nothing can be
// read there is no limit. No descriptor stays open. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::introspect {

// Of a line of /proc/self/cgroup, "0::/path" (v2) or "7:memory:/path" (v1); empty where it is neither.
const char* memoryCgroupOf(const char* line, bool* v2) noexcept;

// Of a line of /proc/self/mountinfo: the folder of cgroup `own` in that mount. False: not the memory
// controller's mount, or one that does not show `own`. `mountLength`: of the mount point, above which is
// nothing.
bool cgroupFolderOf(const char* mountLine, bool v2, const char* own, char* folder, std::size_t capacity,
                    std::size_t* mountLength) noexcept;

class MemoryLimit {
 public:
  // Reads where the cgroup is and which limits there are. Call again now and then: both may change.
  void find() noexcept;
  // For tests: as if find() had found this folder.
  void findAt(const char* folder, std::size_t mountLength, bool v2) noexcept;
  bool known() const noexcept { return levels_ != 0; }
  // The level that is fullest. False: no limit, or it cannot be read. File cache is asked for only above
  // `percent` of the limit: `used` below is the whole charge.
  bool read(std::uint32_t percent, std::uint64_t* used, std::uint64_t* limit) noexcept;

 private:
  static constexpr std::size_t kMaxLevels = 4;  // with a limit, the innermost
  static constexpr std::size_t kPathBytes = 1024;

  std::size_t levels_ = 0;
  bool v2_ = false;
  std::size_t lengths_[kMaxLevels] = {};  // of folder_: the level's own part
  std::uint64_t limits_[kMaxLevels] = {};
  char folder_[kPathBytes] = {};
};

}  // namespace heapprof::introspect

// What the memory controller says of this process's cgroup: its charge, the limit that is nearest, and how
// long tasks wait for memory. Version 1 and 2 of cgroups; read with plain system calls of os::calls(), no
// malloc.
//
// A limit of any ancestor binds as well, so all levels up to the mount are looked at and the one with the
// least room left is reported. Where the path in /proc/self/cgroup does not exist below the mount (a
// container that sees only its own part), the mount itself is the own group.
//
// Invariant: known is false, and nothing else is set, where no controller could be read; a level that has no
// limit has limitBytes == kNoLimit, never 0. Stateless; costs 4 small files a level: not for hot paths.
// Threads: any.
#pragma once

#include <cstdint>

namespace heapprof::os {

inline constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

struct CgroupMemory {
  bool known = false;
  int version = 0;  // 1 or 2
  // Of the level with the least room; of the own group where no level is limited.
  std::uint64_t usageBytes = 0;
  std::uint64_t inactiveFileBytes = 0;  // of these, what the kernel drops before anything hurts; 0: unknown
  std::uint64_t activeFileBytes = 0;    // what it drops next, before it kills
  std::uint64_t limitBytes = kNoLimit;  // memory.max (v1: memory.limit_in_bytes): beyond it the killer comes
  std::uint64_t throttleBytes =
      kNoLimit;  // memory.high (v1: kNoLimit): beyond it allocations are slowed down

  std::uint64_t workingBytes() const noexcept {
    return usageBytes > inactiveFileBytes ? usageBytes - inactiveFileBytes : 0;
  }
  std::uint64_t unreclaimableBytes() const noexcept {
    return workingBytes() > activeFileBytes ? workingBytes() - activeFileBytes : 0;
  }
  std::uint64_t nearestBytes() const noexcept {
    return limitBytes < throttleBytes ? limitBytes : throttleBytes;
  }
};

struct CgroupPlaces {
  const char* ownGroups = "/proc/self/cgroup";
  const char* mountV1 = "/sys/fs/cgroup/memory";
  const char* mountV2 = "/sys/fs/cgroup";
  const char* mountV2Beside = "/sys/fs/cgroup/unified";  // where both versions are mounted
  const char* pressure = "/proc/pressure/memory";
  const char* mounts = "/proc/self/mountinfo";  // asked where none of the above is there
  const char* machine = "/proc/meminfo";
};

struct CgroupFile {
  char path[1024] = {};
};
// `usage`: the file of that level's charge alone, for who looks at it often.
CgroupMemory readCgroupMemory(const CgroupPlaces& places = {}, CgroupFile* usage = nullptr) noexcept;

// Microseconds so far in which some task waited for memory (PSI, "some"): of the own cgroup where it is a v2
// one, else of the machine. False: the kernel does not say.
bool readMemoryStallMicros(std::uint64_t* out, const CgroupPlaces& places = {}) noexcept;

// Whether there is little left to wait for: an eighth of the machine's memory, or of the cgroup's limit.
// Stalls alone do not say so: compaction, for huge pages above all, and the refaults of a large file that is
// read over and over count as well. True where the kernel does not say.
bool memoryIsScarce(const CgroupPlaces& places = {}) noexcept;

}  // namespace heapprof::os

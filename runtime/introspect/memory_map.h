// /proc/self/maps, one entry at a time, in address order.
//
// Invariant: visits what the kernel lists while it is read; mappings made or removed meanwhile may be missed
// or stale. Takes no lock of libc (dl_iterate_phdr would take the loader's). Needs kMapBufferBytes of memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::introspect {

inline constexpr std::size_t kMapBufferBytes =
    16384;  // a path of 4096 bytes, escaped fourfold at worst, is cut

struct MapEntry {
  std::uintptr_t start;
  std::uintptr_t end;
  bool readable;
  bool executable;
  std::uint64_t offset;
  std::uint64_t device;  // (major << 32) | minor
  std::uint64_t inode;
  const char* name;  // "" where it has none; valid during the visit
};

// False when the file cannot be read (errno).
bool forEachMapEntry(char* buffer, void (*visit)(void* context, const MapEntry& entry),
                     void* context) noexcept;

}  // namespace heapprof::introspect

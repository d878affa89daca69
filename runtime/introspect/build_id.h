// The build id of a mapped ELF file, read from its headers in this process's memory, not from the path (the
// file may have been replaced since). Every read goes through the kernel, so an unmapped page is an error,
// never a fault.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::introspect {

inline constexpr std::size_t kBuildIdHexBytes = 2 * 64 + 1;

// Copies memory of this process; false where any of it is not readable. Never faults.
bool readOwnMemory(std::uintptr_t address, void* out, std::size_t bytes) noexcept;

// `header` is where the file's first bytes are mapped. Writes lower-case hex, "" where there is none.
void readBuildId(std::uintptr_t header, char out[kBuildIdHexBytes]) noexcept;

}  // namespace heapprof::introspect

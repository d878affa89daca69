// Runs the call frame instructions of a function up to one address and gives what holds there for the three
// columns we follow: the CFA, the return address and the frame pointer.
#pragma once

#include <cstdint>

#include "runtime/sampling/dwarf_reader.h"
#include "runtime/sampling/eh_frame.h"

namespace heapprof::sampling {

#if defined(__x86_64__)
inline constexpr std::uint64_t kFramePointerColumn = 6;
inline constexpr std::uint64_t kStackPointerColumn = 7;
#elif defined(__aarch64__)
inline constexpr std::uint64_t kFramePointerColumn = 29;
inline constexpr std::uint64_t kStackPointerColumn = 31;
#else
#error "columns of the stack and frame pointer: see the architecture's DWARF supplement"
#endif

// What a CIE says of all its functions.
struct CommonEntry {
  std::uint64_t codeAlignment = 1;
  std::int64_t dataAlignment = 1;
  std::uint64_t returnColumn = 0;
  std::uint8_t pointerEncoding = 0;
  bool signalFrame = false;
  bool hasAugmentationData = false;
  const std::uint8_t* program = nullptr;
  const std::uint8_t* end = nullptr;
};

// kUnknown where an instruction, an expression or a register is met that we do not follow.
FrameRule runFrameProgram(const CommonEntry& common, const std::uint8_t* program,
                          const std::uint8_t* programEnd, std::uintptr_t functionStart,
                          std::uintptr_t address) noexcept;

}  // namespace heapprof::sampling

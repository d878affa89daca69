// How to step from a function to its caller, read from the .eh_frame tables that come with every x86-64 and
// AArch64 program: the tables are found with glibc's _dl_find_object, which takes no lock and works inside
// dlopen, in signal handlers and in a forked child.
//
// Invariant: a rule depends on the address and the object alone, so it may be cached for as long as the
// object's fingerprint stays. Frames whose rules need registers other than the stack and frame pointer are
// not followed. Format: LSB core specification, "Exception Frames"; DWARF 5, section 6.4. Threads: pure reads
// of mapped tables; no lock, no memory, no descriptor.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::sampling {

enum class RuleKind : std::uint8_t {
  kUnknown,  // no tables for this address, or a form we do not follow
  kStep,
  kOutermost,  // the tables say that nobody called this
};

enum class Base : std::uint8_t { kStackPointer, kFramePointer, kCfa, kUnchanged, kLost };

//   cfa = [sp|fp] + cfaOffset           (+ a load and cfaAddend where cfaLoads)
//   return address = load([cfa|sp|fp] + returnOffset)
//   frame pointer  = load([cfa|sp|fp] + frameOffset), or as it is, or lost
struct FrameRule {
  RuleKind kind = RuleKind::kUnknown;
  Base cfaBase = Base::kStackPointer;
  bool cfaLoads = false;
  bool signalFrame = false;  // the caller was interrupted, not calling: its address is not behind a call
  Base returnBase = Base::kUnchanged;
  Base frameBase = Base::kUnchanged;
  std::int16_t cfaAddend = 0;
  std::int32_t cfaOffset = 0;
  std::int32_t returnOffset = 0;
  std::int32_t frameOffset = 0;
};

// A loaded object around some address.
struct CodeObject {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  const std::uint8_t* header = nullptr;  // .eh_frame_hdr
  std::uint64_t fingerprint = 0;  // differs, for all practical purposes, when another object took the place

  bool holds(std::uintptr_t address) const noexcept { return address - begin < end - begin; }
};

// The program itself and libc, which this library needs: they stay for the life of the process, so that they
// need not be asked for at each walk. They hold nothing before openEhFrame().
inline constexpr int kPermanentObjects = 2;
extern CodeObject permanentObjects[kPermanentObjects];

// Looks _dl_find_object up (glibc 2.35). Calls dlsym: never inside malloc.
bool openEhFrame(const char** note) noexcept;

// False where no object with tables holds `address`.
bool findCodeObject(std::uintptr_t address, CodeObject* out) noexcept;

// The rule that holds at `address` within `object`.
FrameRule findRule(const CodeObject& object, std::uintptr_t address) noexcept;

}  // namespace heapprof::sampling

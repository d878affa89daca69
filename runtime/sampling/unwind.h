// Taking the caller's stack, by whichever means is safe in this process at this moment.
//
// Invariant: nothing here allocates from our heap on purpose, and nothing blocks on a lock whose holder could
// wait for us. The leaf is the return address of the public entry function. When no more than the leaf can be
// had, `failure` says why; a stack is never dropped. errno may change. Threads: captureStack from any thread,
// also inside dlopen, in a forked child and in signal handlers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/config/options.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/readable.h"
#include "runtime/sampling/walk_memo.h"

namespace heapprof::sampling {

struct CapturedStack {
  std::uintptr_t frames[kMaxFrames];  // leaf first
  std::uint32_t count;
  const char* failure;  // null, or a literal "[unwind failed: ...]"
  // The walk is being kept (walk_memo.h): locked until rememberStack(). No way: not as a whole.
  MemoGroup* memo;
  MemoWay* way;
};

// A stack that was seen before: it and where its sites may be found. Null: it has to be taken.
struct Recognised {
  const Stack* stack;
  std::atomic<SiteNode*>* sites;  // SiteHints
};

// Opens what `choice` asks for and warms it up. Calls dlopen: never inside malloc.
void initialiseUnwinder(config::Unwinder choice) noexcept;

// `entryFrame`: frame address of the public entry function. `depth`: 1..kMaxFrames.
Recognised recogniseStack(const void* entryFrame, std::uint32_t depth) noexcept;
// rememberStack() must follow, with the stack's node or null.
void captureStack(const void* entryFrame, std::uint32_t depth, CapturedStack* out) noexcept;
void rememberStack(const CapturedStack& captured, const Stack* stack) noexcept;

const char* unwinderName() noexcept;
const char* unwinderNote() noexcept;

void prepareUnwinderFork() noexcept;
void unwinderAfterFork(bool inChild) noexcept;

// An entry function keeps {saved frame pointer, return address} at its frame address, on x86-64 and AArch64
// alike.
inline std::uintptr_t withoutPointerAuthentication(std::uintptr_t address) noexcept {
#if defined(__aarch64__)
  // XPACLRI works on x30 and is a no-op where the processor has no pointer authentication.
  register std::uintptr_t link __asm__("x30") = address;
  __asm__("hint #7" : "+r"(link));
  return link;
#else
  return address;
#endif
}

HEAPPROF_READS_FOREIGN_STACK inline std::uintptr_t returnAddressOf(const void* entryFrame) noexcept {
  return withoutPointerAuthentication(static_cast<const std::uintptr_t*>(entryFrame)[1]);
}

inline constexpr std::uintptr_t kLowestCodeAddress =
    4096;  // below lies no code; an outermost frame often says 0

// One way to walk. `walk` fills frames from the leaf on and gives their number; 0 and a reason when it
// cannot.
struct Walk {
  std::uint32_t count;
  const char* failure;
};

// unwind_eh_frame.cpp, unwind_libunwind.cpp, unwind_libgcc.cpp, unwind_frame_pointer.cpp
bool openEhFrameWalk(const char** note) noexcept;
Walk walkEhFrame(const void* entryFrame, std::uintptr_t* frames, std::uint32_t depth) noexcept;
// The walk is kept. Fills all of `out` but its failure.
Walk walkEhFrameAndKeep(const void* entryFrame, std::uint32_t depth, CapturedStack* out) noexcept;
void ehFrameAfterForkInChild() noexcept;
bool openLibunwind(const char** note) noexcept;
Walk walkLibunwind(const void* entryFrame, std::uintptr_t* frames, std::uint32_t depth) noexcept;
void prepareLibunwindFork() noexcept;
void libunwindAfterFork(bool inChild) noexcept;
bool openLibgcc(const char** note) noexcept;
Walk walkLibgcc(const void* entryFrame, std::uintptr_t* frames, std::uint32_t depth) noexcept;
Walk walkFramePointers(const void* entryFrame, std::uintptr_t* frames, std::uint32_t depth) noexcept;

}  // namespace heapprof::sampling

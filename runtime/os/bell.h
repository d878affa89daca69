// The word on which our helper thread sleeps, and what may be asked of it. Below everything that may have
// work for it: the page layer and the heap ring without knowing who serves.
//
// Invariant: a bit is set by whoever asks and cleared by the helper alone. `sleepsForGood` is set while the
// helper waits without an end for want of work: whoever makes work then rings (noteWork). Between setting it
// and waiting the helper looks for work once more, so none is missed. Threads: any; ring() also in signal
// handlers.
#pragma once

#include <atomic>
#include <cstdint>

namespace heapprof::os {

inline constexpr std::uint32_t kRingDump = 1;
inline constexpr std::uint32_t kRingWork = 2;
inline constexpr std::uint32_t kRingThreadEnded = 4;
inline constexpr std::uint32_t kRingControl = 8;
inline constexpr unsigned kRingDeathShift = 8;  // bits 8..: the signal to die of

enum class HelperState : std::uint8_t {
  kForbidden,  // by an option, in setuid programs, before our constructor
  kUnborn,     // nothing needed it yet
  kWanted,     // the heap has grown: the next suitable call of the program starts it
  kStarting,
  kRunning,
  kFailed,  // the kernel refused: slow paths do what they can
};

extern constinit std::atomic<std::uint32_t> bell;
extern constinit std::atomic<bool> sleepsForGood;
extern constinit std::atomic<HelperState> helperState;

void ring(std::uint32_t bits) noexcept;
std::uint32_t takeRings() noexcept;              // and clears them
void waitForRing(std::uint64_t nanos) noexcept;  // at most; 0: for ever

inline void noteWork() noexcept {
  if (sleepsForGood.load(std::memory_order_relaxed)) [[unlikely]]
    ring(kRingWork);
}

// The heap is large enough to care.
inline void wantHelper() noexcept {
  HelperState unborn = HelperState::kUnborn;
  if (helperState.load(std::memory_order_relaxed) == unborn) {
    helperState.compare_exchange_strong(unborn, HelperState::kWanted, std::memory_order_relaxed);
  }
}
inline bool helperIsWanted() noexcept {
  return helperState.load(std::memory_order_relaxed) == HelperState::kWanted;
}

// Who starts it, set by the entry layer: called where a thread may be made, with the frame of the public
// function that the program called.
extern constinit std::atomic<void (*)(const void* frame)> helperStarter;

}  // namespace heapprof::os

// Steep growth: memory is asked for so fast that whole huge pages will be filled at once. Then a unit without
// memory is faulted as one huge page when placement opens it: one fault for 512, and nothing to collapse
// later.
//
//   setApart() under the page lock ──▶ faultHuge() without it ──▶ admit() under it: placement may use it
//
// A load that falls leaves holes: pages of slabs and granules that were given back. Where it returns steeply,
// each hole would be faulted by pages of 4 KiB. So a growth may *pass over* them and go to fresh units; what
// is free and still in memory is used first, so this costs address space, not memory. Once in
// kPassAgainNanos only: a load that comes and goes fills its holes, and so learns to keep them (rhythm.h).
//
// Invariant: a unit is apart from setApart() to admit(), in no list and no free extent, without a used
// granule, on behalf of one thread. Nothing is faulted huge unless forming is on, the heap is large enough
// that two half filled units are little of it, and memory is not short; a kernel that gives small pages
// instead is left alone for longer and longer, one that is slow for a tenth of a second: a virtual machine
// that has to get the memory from its host takes 4 ms instead of 0.12, in one piece. Threads:
// wantsHugeUnits(), setApart() and admit() under the page lock, the others any.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/pages/region.h"

namespace heapprof::pages {

inline constexpr std::uint64_t kGrowthWindowNanos = 64'000'000;
inline constexpr std::uint64_t kSteepBytes = std::uint64_t{8} << 20;        // in a window
inline constexpr std::uint64_t kStaysSteepNanos = 256'000'000;              // after such a window
inline constexpr std::uint64_t kLeastGrownBytes = std::uint64_t{64} << 20;  // in use, before any of this
inline constexpr std::uint64_t kSameGrowthNanos = 500'000'000;  // between two things that it passes over
inline constexpr std::uint64_t kMuchPassed = std::uint64_t{4} << 20;
inline constexpr std::uint64_t kPassAgainNanos = 150'000'000'000;

// Counts bytes that are not in memory and about to be used. Nothing below a size at which it may matter.
class Growth {
 public:
  void note(std::uint64_t bytes, std::uint64_t nowNanos) noexcept;
  // The page layer knows how large the heap is: what is in use now.
  void noteSize(std::uint64_t usedGranules) noexcept;
  // Units are faulted huge at once.
  bool isSteep() const noexcept;
  // And holes are passed over.
  bool passesOver() noexcept { return mayPass_.load(std::memory_order_relaxed) && passesNow(); }
  // So much of them was.
  void notePassedOver(std::uint64_t bytes) noexcept;
  // There is nothing else to be had.
  void stopPassing() noexcept { mayPass_.store(false, std::memory_order_relaxed); }
  // The kernel gave a huge page, or not, and took so long.
  void noteHuge(bool given, std::uint64_t tookNanos, std::uint64_t nowNanos) noexcept;

 private:
  void becomeSteep(std::uint64_t nowNanos) noexcept;
  bool isUnlimited() const noexcept;
  bool passesNow() noexcept;  // by the clock

  // Two threads that note at once may lose some of it.
  std::atomic<std::uint64_t> since_{0}, bytes_{0};  // of the window
  std::atomic<std::uint64_t> noted_{0};             // last
  std::atomic<std::uint64_t> steepNanos_{0};        // the last time that a window had reached kSteepBytes
  std::atomic<std::uint64_t> passedBytes_{0};       // by the growth under way
  std::atomic<std::uint64_t> passed_{0};            // when one passed over much last; 0: never
  std::atomic<std::uint64_t> notBefore_{0};         // the kernel refused, or was slow
  std::atomic<unsigned> refusals_{0}, slow_{0};     // in a row
  std::atomic<bool> steep_{false}, large_{false};
  std::atomic<bool> mayPass_{false};  // while it is steep: decided when it became so
};
extern constinit Growth growth;

// A unit was taken from the extents.
void noteOpened(std::uint32_t unit) noexcept;
// One that is opened now should be faulted huge.
bool wantsHugeUnits() noexcept;
// This one; false: it should not, holds memory already, or comes and goes, or too many are apart.
bool setApart(std::uint32_t unit) noexcept;
// True: it is one huge page now.
bool faultHuge(std::uint32_t unit) noexcept;
void admit(std::uint32_t unit, Use use, bool huge) noexcept;

// A forked child: what other threads had set apart is free again.
void growthInChild() noexcept;

}  // namespace heapprof::pages

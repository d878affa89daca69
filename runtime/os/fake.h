// The kernel as tests want it: passes every call on, but fails the Nth one of a chosen kind, and keeps its
// own clock.
//
// Invariant: a call that is told to fail has no effect and leaves ENOMEM (files: EIO) in errno. Owner: the
// test; at most one Fake at a time, made before and destroyed after all other threads (it swaps the table of
// calls).
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/os/os.h"

namespace heapprof::os {

enum class CallKind : std::uint8_t {
  kReserve,
  kUnreserve,
  kCommit,
  kDiscard,
  kResidentPages,
  kMapMetadata,
  kAdviseHuge,
  kCollapse,
  kCold,
  kMoveMapping,
  kOpenRead,
  kCreateNew,
  kRead,
  kWrite,
  kClose,
  kRename,
  kUnlink,
  kPagemapScan,
  kDescriptorTable,
  kListen,
  kConnect,
  kAccept,
  kPause,
  kCount
};

class Fake {
 public:
  Fake() noexcept;
  ~Fake();
  Fake(const Fake&) = delete;
  Fake& operator=(const Fake&) = delete;

  // The nth (from 1) call of this kind from now on fails, and so do `more` after it. 0: none fails. `error`
  // is what errno says then; 0: the usual one.
  void failNth(CallKind kind, std::uint64_t nth, std::uint64_t more = 0, int error = 0) noexcept;
  // The nth call of any kind that asks for memory (reserve, commit, mapMetadata) fails, and so do `more`
  // after it.
  void failNthMemoryCall(std::uint64_t nth, std::uint64_t more = 0) noexcept;
  std::uint64_t callsOf(CallKind kind) const noexcept;  // since made, failed ones included
  std::uint64_t failures() const noexcept;              // calls that were made to fail since made

  // From now on both clocks stand still at these values until moved.
  void setClock(std::uint64_t monotonicNanos, std::uint64_t realtimeNanos) noexcept;
  void advanceClock(std::uint64_t nanos) noexcept;
  // Each call of this kind from now on takes so long by these clocks; so does a pause, which does not sleep
  // then.
  void takes(CallKind kind, std::uint64_t nanos) noexcept;
  // Files opened from now on that have the first path are the second one: what /sys and /proc say. Null:
  // none. Both texts must outlive the fake.
  void redirect(const char* path, const char* instead) noexcept;
};

}  // namespace heapprof::os

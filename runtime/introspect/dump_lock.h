// One dump at a time, and what belongs to the one that is being written.
//
// Invariant: never waited for: a second dump gives EBUSY, so no thread hangs on another's. Malloc never takes
// it.
#pragma once

#include <cstdint>

#include "runtime/introspect/dump_memory.h"

namespace heapprof::introspect {

class DumpLock {
 public:
  DumpLock() noexcept;
  ~DumpLock();
  DumpLock(const DumpLock&) = delete;
  DumpLock& operator=(const DumpLock&) = delete;

  bool held() const noexcept { return held_; }
  // While held:
  DumpMemory& memory() noexcept;
  std::uint32_t nextSequence() noexcept;  // from 1, of this process
  void countWritten() noexcept;

 private:
  bool held_;
};

}  // namespace heapprof::introspect

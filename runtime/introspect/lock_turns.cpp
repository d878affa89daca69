#include "runtime/introspect/lock_turns.h"

#include "runtime/os/os.h"

namespace heapprof::introspect {

void LockTurns::begin() noexcept {
  begun_ = os::calls().monotonicNanos();
  if (begun_ - ended_ >= kRestNanos) {
    held_ = 0;
  } else if (held_ >= kHeldNanos) {
    // Asleep, not spinning: the writer may need this very processor.
    os::calls().pause(kRestNanos);
    held_ = 0;
    begun_ = os::calls().monotonicNanos();
  }
}

void LockTurns::end() noexcept {
  ended_ = os::calls().monotonicNanos();
  held_ += ended_ - begun_;
}

}  // namespace heapprof::introspect

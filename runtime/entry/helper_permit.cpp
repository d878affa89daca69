// Apart from the helper itself: every process comes here, few go further.
#include <sys/auxv.h>

#include "runtime/config/options.h"
#include "runtime/entry/helper.h"
#include "runtime/os/bell.h"

namespace heapprof::entry {

void allowHelper() noexcept {
  if (!config::options().background || getauxval(AT_SECURE) != 0) return;
  os::helperStarter.store(startHelperIfSuitable, std::memory_order_release);
  os::HelperState forbidden = os::HelperState::kForbidden;
  os::helperState.compare_exchange_strong(forbidden, os::HelperState::kUnborn, std::memory_order_acq_rel);
}

}  // namespace heapprof::entry

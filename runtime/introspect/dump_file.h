// The file in progress: what a handler that ends the process, or a forked child, has to know of it.
#pragma once

namespace heapprof::introspect {

void forgetFileInProgress() noexcept;

}  // namespace heapprof::introspect

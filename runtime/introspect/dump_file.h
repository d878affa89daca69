// The file in progress: what a handler that ends the process, or a forked child, has to know of it. And
// keep=N.
#pragma once

namespace heapprof::introspect {

// In a forked child: also what keep=N counts, the parent's files are not the child's to delete.
void forgetFileInProgress() noexcept;

}  // namespace heapprof::introspect

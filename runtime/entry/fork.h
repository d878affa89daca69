// fork(): every lock of ours is held across it, so that the child finds no books half written.
//
// Invariant: registered by the library's constructor, so before any handler of the program: our prepare
// handler is the last of all to run and our child handler the first, and other libraries' handlers may
// allocate.
#pragma once

namespace heapprof::entry {

void installForkHandlers() noexcept;

}  // namespace heapprof::entry

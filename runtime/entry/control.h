// The control socket: heapprof dump, ctl and watch ask a running program over it.
//
// Invariant: served by a thread of its own, which the helper makes once the program allocates, and in each
// forked child again. It sleeps in poll() and costs an idle process no wake-up. Its descriptors are in a
// table of its own (close_range): a program that closes all of its descriptors, or counts them, notices
// nothing, and nothing of the program's is held open or touched. Where the kernel refuses any of it there is
// no socket, and nothing else changes. Only the process's own user and root are served.
#pragma once

namespace heapprof::entry {

void installControl() noexcept;
// In a forked child, before its helper starts.
void controlInChild() noexcept;
// It counts as one of ours when the last thread of the program has ended.
bool controlThreadRuns() noexcept;

}  // namespace heapprof::entry

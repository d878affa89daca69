// When dumps happen: at exit, at a signal, at SIGINT and SIGTERM. And the start of it all, from the library's
// constructor.
//
// Invariant: with HEAPPROF unset, empty or 0 nothing here does more than note the process: no thread, no
// handler, no file. Signal handlers only set a word and wake the helper thread, which writes the dump; it is
// made at start (and again in a forked child), blocks every signal, and is the only thread of ours. Children
// that share their parent's memory (vfork) never dump, and never wake their parent's helper.
#pragma once

namespace heapprof::entry {

// Reads options, starts sampling and triggers. The constructor calls it; further calls do nothing.
void startRecording() noexcept;

// triggers_signal.cpp
void installSignalTriggers() noexcept;
void signalTriggersInChild() noexcept;

}  // namespace heapprof::entry

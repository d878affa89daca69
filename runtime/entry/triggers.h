// When dumps happen: at exit, at a signal, at SIGINT and SIGTERM, on a clock. And the start of it all, from
// the library's constructor.
//
// Invariant: with HEAPPROF unset, empty or 0 nothing here does more than note the process: no thread, no
// handler, no file. Signal handlers only set a word and wake the helper thread, which writes the dump; it is
// made at start (and again in a forked child) and blocks every signal. Children
// that share their parent's memory (vfork) never dump, and never wake their parent's helper.
#pragma once

namespace heapprof::entry {

// Reads options, starts sampling and triggers. The constructor calls it; further calls do nothing.
void startRecording() noexcept;

// Whether a dump that no one is waiting for, at exit or at a deadly signal, would say something: something
// was sampled, or a dump without samples was asked for. Shells between programs leave no files that way.
bool hasSomethingToDump() noexcept;

// triggers_signal.cpp
void installSignalTriggers() noexcept;
void signalTriggersInChild() noexcept;
// triggers_timed.cpp
void installTimedTriggers() noexcept;
void timedTriggersInChild() noexcept;

// timeline.cpp
void installTimeline() noexcept;
void timelineInChild() noexcept;

}  // namespace heapprof::entry

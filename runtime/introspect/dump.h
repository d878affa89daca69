// Writes one dump, and everything around it: one at a time, names, files that are whole or absent.
//
// Invariant: no malloc, no lock that malloc could need, no thread is stopped; bounded memory (dump_memory.h).
// A file appears under its name only when it is complete: it is written as NAME.tmp, then renamed, never over
// another. Nothing is written by a child that shares its parent's memory (vfork). Functions give 0 or a
// positive errno value and may be called from any thread, but not from signal handlers.
#pragma once

#include <cstdint>

#include "formats/wire/writer.h"

namespace heapprof::introspect {

enum class Reason : std::uint8_t {
  kUnknown,
  kExit,
  kSignal,
  kApi,
  kInterval,
  kGrowth,
  kPeak,
  kNearLimit,
  kControl,
  kFatalSignal
};  // = DumpReason in heap_snapshot.proto

// To the next free name of the path= template. Errors are also said on stderr, in one line.
int dumpToTemplate(Reason reason) noexcept;
int dumpToPath(const char* path, Reason reason) noexcept;
int dumpToFd(int fd, Reason reason) noexcept;

// The message itself, gzipped, into `sink`; called with the dump lock held. False: errno says why.
class DumpMemory;
bool writeDump(DumpMemory& memory, wire::Sink sink, Reason reason, std::uint32_t sequence) noexcept;

// From the library's constructor: start times, and which process this is.
void beginProcess() noexcept;
// In a forked child: its own numbers and start times; a dump that the parent was writing is forgotten.
void childAfterFork() noexcept;
// False in a child that shares its parent's memory, where nothing of ours may act.
bool isOwnProcess() noexcept;
// False when one was still being written after this long.
bool waitForDumpInProgress(std::uint64_t nanos) noexcept;
// From a signal handler that ends the process: removes a half-written file.
void abandonFile() noexcept;

}  // namespace heapprof::introspect

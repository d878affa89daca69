// The one way out when an invariant of ours is broken: says so on stderr with write(2), then aborts.
// Async-signal-safe, allocates nothing. Everything that is merely bad luck (no memory, refused by the kernel)
// is not fatal.
#pragma once

namespace heapprof::base {

// `what` is one line without "\n", e.g. "slab 0x..: more objects came back than were handed out".
[[noreturn]] void fatal(const char* what) noexcept;

// One line on stderr, prefixed "heapprof: "; silent when `log=0`. Async-signal-safe. Parts are joined.
void logLine(const char* a, const char* b = "", const char* c = "", const char* d = "",
             const char* e = "") noexcept;

// `log=0`: logLine says nothing from now on; fatal still speaks.
void setLogging(bool on) noexcept;

}  // namespace heapprof::base

// The control socket's verbs: one line in, one line out.
//
//   request := VERB [" " ARGUMENT] "\n"          at most kMostRequestBytes
//   answer  := ("ok" [" " TEXT] | "error " TEXT) "\n"
//
// - version: ok PROTOCOL RUNTIME
// - dump: into the descriptor that came along (SCM_RIGHTS, a regular file), else by the path= template
// - dump PATH: into a new file; absolute, as this process sees it
// - start [BYTES]: sampling on; ok BYTES, the interval in force
// - interval BYTES: changes it; ok BYTES
// - stop: sampling off
// - reset: forgets cumulative figures and peaks
// - purge: ok BYTES given back
// - stats: ok {JSON}, heapprof_stats_json()
// - mark NAME: a named point on the timeline
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/introspect/text.h"

namespace heapprof::entry {

inline constexpr std::size_t kMostRequestBytes = 1024;
inline constexpr std::size_t kMostAnswerBytes = 4096;

// Does what `line` (terminated, without "\n") asks for; on the control thread. `passed`: a descriptor or -1;
// the caller closes it.
void serveRequest(const char* line, int passed, introspect::Text* answer) noexcept;

// Opens the unwinder where sampling was off: its descriptors belong to the program's table, so this is the
// helper's errand. Waits for it, a bounded time: EBUSY.
int changeIntervalOnHelper(std::uint64_t interval) noexcept;

}  // namespace heapprof::entry

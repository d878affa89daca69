// Cuts a merged HeapSnapshot into chunks again: what readers of any size can take, with delta columns as the
// format wants them. Invariant: reading the chunks gives the snapshot back, unknown fields included. One
// thread.
#pragma once

#include "formats/proto/heap_snapshot.pb.h"
#include "formats/wire/writer.h"

namespace heapprof::formats {

// Puts occurrences of field 1000 to `out`.
void writeSnapshot(const heapprof::HeapSnapshot& snapshot, wire::Writer& out);

}  // namespace heapprof::formats

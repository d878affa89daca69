// The next blocks of a large message, read and unpacked by a thread of its own while the last ones are being
// decoded: inflating costs as much as decoding does.
//
//   RawInput ─▶ gzip, zstd, plain ─▶ |block|block|block| ─▶ read()
//               thread of the source     at most kBlocks      the reading thread
// Invariant: the same bytes, end and error as from the source alone, in the same order; progress is told on
// the reading thread, of what it has got. Destroying it ends the thread, at the latest after one block.
#pragma once

#include <memory>

#include "formats/pprof/message_source.h"

namespace heapprof::formats {

// `source` itself where the input is small, of unknown size, or no thread is to be had.
std::unique_ptr<MessageSource> readAhead(std::unique_ptr<MessageSource> source, RawInput& input);

}  // namespace heapprof::formats

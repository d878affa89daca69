// The uncompressed message, whatever it was packed in: gzip (many members are one message), zstd or nothing.
//
// Invariant: read() gives the message's bytes in order; 0 is its true end, and is only given after the
// checksum and the frame's own end were seen. Memory: the decoder's window, at most 128 MiB for zstd. One
// read; one thread.
#pragma once

#include <memory>

#include "absl/status/statusor.h"

#include "formats/pprof/raw_input.h"

namespace heapprof::formats {

class MessageSource {
 public:
  virtual ~MessageSource() = default;
  virtual absl::StatusOr<std::size_t> read(std::uint8_t* out, std::size_t size) = 0;
  // The message's size where it can be known without reading it; 0: unknown.
  virtual std::uint64_t messageBytes() const { return 0; }
};

// Looks at the first bytes of `input`, which must outlive the source.
absl::StatusOr<std::unique_ptr<MessageSource>> openMessage(RawInput& input);

}  // namespace heapprof::formats

// A valid gzip stream of stored blocks, written incrementally with no heap and no zlib: what the runtime puts
// on disk. The tools recompress. Invariant: between calls the stream ends at a block boundary; finish()
// writes the last block, the CRC-32 and the size. Sinks compose: GzipSink -> FileSink.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/wire/writer.h"

namespace heapprof::wire {

class GzipSink {
 public:
  explicit GzipSink(Sink below) noexcept : below_(below) {}
  Sink sink() noexcept;    // bytes put here come out below as one gzip member
  bool finish() noexcept;  // call once, last

 private:
  bool put(const void* data, std::size_t size) noexcept;
  bool below(const void* data, std::size_t size) noexcept;
  bool begin() noexcept;
  Sink below_;
  bool begun_ = false;
  bool ok_ = true;  // false after the sink below failed: nothing more is put
  std::uint32_t crc_ = 0;
  std::uint32_t size_ = 0;
};

// zlib's crc32(): start with 0, feed the result of one call to the next.
std::uint32_t crc32(std::uint32_t crc, const void* data, std::size_t size) noexcept;

}  // namespace heapprof::wire

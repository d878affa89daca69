// A sliding view of the message: as many contiguous bytes as one row needs, never the message whole.
//
//   message   |======= consumed =======|-- data()[0, available()) --|........ not read yet ........|
//                                      ^ offset()
// Invariant: offset() + available() bytes were read and never more than the limit; the buffer grows only with
// bytes that came, so that a length prefix alone can claim nothing. One read; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "formats/pprof/message_source.h"

namespace heapprof::formats {

class MessageWindow {
 public:
  MessageWindow(MessageSource& source, std::string name, std::uint64_t maxBytes);

  const std::uint8_t* data() const { return buffer_.data() + begin_; }
  std::size_t available() const { return end_ - begin_; }
  std::uint64_t offset() const { return offset_; }

  // True once at least `bytes` are available; false when the message ends before or reading failed (see
  // status()).
  bool ensure(std::size_t bytes) { return available() >= bytes || fill(bytes); }
  void consume(std::size_t bytes) {
    begin_ += bytes;
    offset_ += bytes;
  }
  bool skip(std::uint64_t bytes);  // also of more than memory could hold

  const absl::Status& status() const { return status_; }
  // The bytes after the cursor, where the message's size is known; else the largest number.
  std::uint64_t mostLeft() const;

 private:
  bool fill(std::size_t bytes);
  MessageSource& source_;
  std::string name_;
  std::uint64_t maxBytes_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;
  bool atEnd_ = false;
  absl::Status status_;
};

}  // namespace heapprof::formats

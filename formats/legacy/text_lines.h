// A text file line by line, out of the same window that messages come through: unpacked, bounded, with
// offsets. And a cursor over one line, for grammars of numbers and punctuation.
//
// Invariant: a line view lives until the next call; no line is longer than kMaxLine, so memory is bounded
// whatever comes. '\r' before the end is not part of a line. One read; one thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "formats/pprof/message_window.h"

namespace heapprof::formats {

class TextLines {
 public:
  static constexpr std::size_t kMaxLine = 1 << 20;  // a stack of 50,000 frames

  explicit TextLines(MessageWindow& window) : window_(window) {}

  // False at the end, and where status() is not OK: reading failed, or a line is longer than kMaxLine.
  bool next(absl::string_view* line);

  std::uint64_t offset() const { return offset_; }  // of the current line
  std::uint64_t number() const { return number_; }  // from 1
  bool endsWithNewline() const { return newline_; }
  bool tooLong() const { return tooLong_; }

 private:
  MessageWindow& window_;
  std::size_t taken_ = 0;  // of the window: the current line, consumed by the next call
  std::uint64_t offset_ = 0, number_ = 0;
  bool newline_ = true, tooLong_ = false;
};

// Takes tokens from the front of a line. Each taker skips blanks first and gives false, taking nothing else,
// where the token is not there.
class LineCursor {
 public:
  explicit LineCursor(absl::string_view line) : rest_(line) {}

  bool take(char wanted);
  bool take(absl::string_view wanted);
  bool number(std::int64_t* value);  // decimal, with or without '-'; false above 2^63 - 1
  bool hex(std::uint64_t* value);    // with or without 0x
  bool atEnd();
  absl::string_view rest();  // what is left, without blanks around it

 private:
  void skipBlanks();
  absl::string_view rest_;
};

}  // namespace heapprof::formats

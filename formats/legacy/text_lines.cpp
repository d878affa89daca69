#include "formats/legacy/text_lines.h"

#include <charconv>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace heapprof::formats {

bool TextLines::next(absl::string_view* line) {
  window_.consume(taken_);
  taken_ = 0;
  offset_ = window_.offset();
  std::size_t searched = 0;
  const char* newline = nullptr;
  while (newline == nullptr && window_.ensure(searched + 1)) {
    if (searched > kMaxLine) {
      tooLong_ = true;
      return false;
    }
    const char* data = reinterpret_cast<const char*>(window_.data());
    newline = static_cast<const char*>(std::memchr(data + searched, '\n', window_.available() - searched));
    if (newline == nullptr) searched = window_.available();
  }
  if (!window_.status().ok() || (newline == nullptr && searched == 0)) return false;
  const char* data = reinterpret_cast<const char*>(window_.data());
  newline_ = newline != nullptr;
  const std::size_t size = newline_ ? static_cast<std::size_t>(newline - data) : searched;
  if (size > kMaxLine) {
    tooLong_ = true;
    return false;
  }
  taken_ = size + (newline_ ? 1 : 0);
  ++number_;
  *line = absl::string_view(data, size);
  absl::ConsumeSuffix(line, "\r");
  return true;
}

void LineCursor::skipBlanks() {
  while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
}

bool LineCursor::take(char wanted) {
  skipBlanks();
  if (rest_.empty() || rest_.front() != wanted) return false;
  rest_.remove_prefix(1);
  return true;
}

bool LineCursor::take(absl::string_view wanted) {
  skipBlanks();
  return absl::ConsumePrefix(&rest_, wanted);
}

bool LineCursor::number(std::int64_t* value) {
  skipBlanks();
  const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), *value);
  if (error != std::errc()) return false;
  rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
  return true;
}

bool LineCursor::hex(std::uint64_t* value) {
  skipBlanks();
  absl::string_view digits = rest_;
  if (!absl::ConsumePrefix(&digits, "0x")) absl::ConsumePrefix(&digits, "0X");
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *value, 16);
  if (error != std::errc()) return false;
  digits.remove_prefix(static_cast<std::size_t>(end - digits.data()));
  rest_ = digits;
  return true;
}

bool LineCursor::atEnd() {
  skipBlanks();
  return rest_.empty();
}

absl::string_view LineCursor::rest() {
  return absl::StripAsciiWhitespace(rest_);
}

}  // namespace heapprof::formats

#include "profiler/report/xml.h"

#include <cstdint>

#include "profiler/report/utf8.h"

namespace heapprof::report {
std::string xmlEscaped(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8Length(text);
    const char c = text[0];
    if (length == 0 || (length == 1 && static_cast<std::uint8_t>(c) < 0x20 && c != '\n' && c != '\t')) {
      out += '?';
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&apos;";
    } else {
      out.append(text.data(), length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace heapprof::report

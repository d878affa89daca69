#include "runtime/introspect/strings.h"

namespace heapprof::introspect {
namespace {

// Bytes of the UTF-8 character at `at`, 0 where there is none: overlong forms, surrogates and what lies
// beyond U+10FFFF are none (RFC 3629).
std::size_t characterBytes(const unsigned char* at) noexcept {
  if (at[0] < 0x80) {
    return 1;
  }
  const std::size_t size = at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((at[i] & 0xc0) != 0x80) {  // also stops at the terminating NUL
      return 0;
    }
  }
  const bool excluded = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
                        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f);
  return excluded ? 0 : size;
}

}  // namespace

void ProfileStrings::writeUtf8(const char* text) noexcept {
  const std::size_t size = std::strlen(text);
  writer_.beginNested(kField, size);
  const auto* at = reinterpret_cast<const unsigned char*>(text);
  std::size_t done = 0;
  while (done < size) {
    const std::size_t character = characterBytes(at + done);
    writer_.raw(character != 0 ? text + done : "?", character != 0 ? character : 1);
    done += character != 0 ? character : 1;
  }
}

}  // namespace heapprof::introspect

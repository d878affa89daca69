// Bounded text without a heap: builds names, lines and messages in a caller's buffer.
//
// Invariant: always NUL-terminated; what does not fit is cut and truncated() says so. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::introspect {

class Text {
 public:
  Text(char* buffer, std::size_t capacity) noexcept : buffer_(buffer), capacity_(capacity) { clear(); }
  Text& add(const char* text) noexcept;
  Text& add(const char* text, std::size_t length) noexcept;
  Text& character(char c) noexcept { return add(&c, 1); }
  Text& decimal(std::uint64_t value) noexcept;
  Text& hex(std::uint64_t value) noexcept;
  // "512 KiB" where exact, else bytes.
  Text& size(std::uint64_t bytes) noexcept;
  void clear() noexcept;
  void shorten(std::size_t by) noexcept;

  const char* c_str() const noexcept { return buffer_; }
  std::size_t length() const noexcept { return used_; }
  bool truncated() const noexcept { return truncated_; }

 private:
  char* buffer_;
  std::size_t capacity_;
  std::size_t used_ = 0;
  bool truncated_ = false;
};

// Reading numbers out of /proc: each advances `*at` past what it took, and gives 0 where nothing was there.
std::uint64_t takeDecimal(const char** at) noexcept;
std::uint64_t takeHex(const char** at) noexcept;
void skipSpaces(const char** at) noexcept;
bool startsWith(const char* text, const char* prefix) noexcept;
bool endsWith(const char* text, std::size_t length, const char* suffix) noexcept;

// The words for an errno value, without libc's message tables (which may allocate).
const char* errorText(int error) noexcept;

}  // namespace heapprof::introspect

// Values as users write them in HEAPPROF: sizes, signals, flags, patterns; and the way back for `help` and
// the dump.
//
// Invariant: a parser stores into `out` only when it takes the whole text. Nothing allocates; no locale.
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/config/options.h"

namespace heapprof::config {

// A piece of HEAPPROF; not terminated.
struct Text {
  const char* data;
  std::size_t size;
};
Text textOf(const char* terminated) noexcept;
bool equal(Text a, Text b) noexcept;  // letters in either case
bool contains(Text text, char wanted) noexcept;
bool startsWith(Text text, Text prefix) noexcept;  // letters in either case
// The part of `text` before the next `separator`, which is taken off both.
Text cut(Text* text, char separator) noexcept;

// Decimal digits, then nothing or k, m, g, t, each also as kb or kib: powers of 1024. "b" alone is taken too.
bool parseBytes(Text text, std::uint64_t* out) noexcept;
bool parseDigits(Text text, std::uint64_t* out) noexcept;
// Decimal digits, or 0x and hexadecimal ones.
bool parseNumber(Text text, std::uint64_t* out) noexcept;
bool parseFlag(Text text, bool* out) noexcept;        // 1, 0, on, off, yes, no, true, false
bool parsePurge(Text text, PurgeRule* out) noexcept;  // auto, eager, never, seconds from 1 to 3600
// "60", "60s", "5m", "1h"; from a second to a week.
bool parseSeconds(Text text, std::uint32_t* out) noexcept;
bool parseTimeline(Text text, TimelineRule* out) noexcept;  // 0, or a second to an hour
bool parseThp(Text text, ThpMode* out) noexcept;            // auto, never, always
bool parseControl(Text text, Control* out) noexcept;        // a flag, or a path
bool parseUnwinder(Text text, Unwinder* out) noexcept;

// "USR2", "SIGUSR2" or "12"; 0 where unknown or one that cannot be caught.
int signalNumber(Text name) noexcept;
const char* signalName(int number) noexcept;

// `patterns`: alternatives joined by |, in which * stands for any characters. Empty matches everything.
bool matchesAny(const char* patterns, const char* name) noexcept;

// The number of letters to insert, delete or replace; counts at most 32 letters of each.
unsigned editDistance(Text a, Text b) noexcept;

// A line being put together; what does not fit is cut off.
class Line {
 public:
  Line& operator<<(Text text) noexcept;
  Line& operator<<(const char* text) noexcept { return *this << textOf(text); }
  Line& number(std::uint64_t value) noexcept;
  Line& bytes(std::uint64_t value) noexcept;  // the shortest exact form: 512k
  Line& padTo(std::size_t column) noexcept;
  const char* text() noexcept;  // terminated
  void write() noexcept;        // to stderr, with "\n", in one call

 private:
  static constexpr std::size_t kCapacity = 1024;
  char data_[kCapacity + 2];
  std::size_t size_ = 0;
};

// dump=, both ways (triggers.cpp).
bool parseTriggers(Text text, DumpTriggers* out) noexcept;
void formatTriggers(const DumpTriggers& dump, Line* out) noexcept;

}  // namespace heapprof::config

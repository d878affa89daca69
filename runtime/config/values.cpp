#include "runtime/config/values.h"

#include <cstring>
#include <errno.h>
#include <initializer_list>
#include <signal.h>
#include <unistd.h>

namespace heapprof::config {
namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

struct SignalName {
  char name[8];
  int number;
};
// Those a program may leave to us. Not the ones that report its own faults, nor those that cannot be caught.
constexpr SignalName kSignals[] = {
    {"HUP", SIGHUP},     {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"PIPE", SIGPIPE},
    {"ALRM", SIGALRM},   {"CHLD", SIGCHLD}, {"CONT", SIGCONT}, {"URG", SIGURG},
    {"WINCH", SIGWINCH}, {"IO", SIGIO},     {"PWR", SIGPWR},   {"QUIT", SIGQUIT},
    {"XCPU", SIGXCPU},   {"XFSZ", SIGXFSZ}, {"PROF", SIGPROF}, {"VTALRM", SIGVTALRM},
};
constexpr int kFirstRealTime = 34;  // SIGRTMIN as programs see it; 32 and 33 belong to libc
constexpr int kLastRealTime = 64;

bool matches(Text pattern, Text name) noexcept {
  // The classic walk with one point of return: the last star and where it began to match.
  std::size_t p = 0;
  std::size_t star = pattern.size;
  std::size_t resume = 0;
  for (std::size_t n = 0; n < name.size;) {
    if (p < pattern.size && pattern.data[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size && pattern.data[p] == name.data[n]) {
      ++p;
      ++n;
    } else if (star < pattern.size) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size && pattern.data[p] == '*') ++p;
  return p == pattern.size;
}

}  // namespace

Text textOf(const char* terminated) noexcept {
  return {terminated, std::strlen(terminated)};
}

bool equal(Text a, Text b) noexcept {
  if (a.size != b.size) return false;
  for (std::size_t i = 0; i < a.size; ++i) {
    if (lower(a.data[i]) != lower(b.data[i])) return false;
  }
  return true;
}

bool contains(Text text, char wanted) noexcept {
  return text.size != 0 && std::memchr(text.data, wanted, text.size) != nullptr;
}

Text cut(Text* text, char separator) noexcept {
  std::size_t length = 0;
  while (length < text->size && text->data[length] != separator) ++length;
  const Text piece{text->data, length};
  const std::size_t used = length < text->size ? length + 1 : length;
  *text = {text->data + used, text->size - used};
  return piece;
}

bool parseDigits(Text text, std::uint64_t* out) noexcept {
  if (text.size == 0) return false;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < text.size; ++i) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    if (__builtin_mul_overflow(value, std::uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<std::uint64_t>(text.data[i] - '0'), &value)) {
      return false;
    }
  }
  *out = value;
  return true;
}

bool startsWith(Text text, Text prefix) noexcept {
  return text.size >= prefix.size && equal({text.data, prefix.size}, prefix);
}

bool parseBytes(Text text, std::uint64_t* out) noexcept {
  std::size_t digits = 0;
  while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') ++digits;
  std::uint64_t value = 0;
  if (!parseDigits({text.data, digits}, &value)) return false;
  Text unit{text.data + digits, text.size - digits};
  unsigned shift = 0;
  if (unit.size != 0) {
    constexpr char kUnits[] = "kmgt";
    if (const char* found = std::strchr(kUnits, lower(unit.data[0])); found != nullptr && *found != '\0') {
      shift = 10 * (static_cast<unsigned>(found - kUnits) + 1);
      unit = {unit.data + 1, unit.size - 1};
    }
    const bool whole =
        unit.size == 0 || equal(unit, textOf("b")) || (shift != 0 && equal(unit, textOf("ib")));
    if (!whole) return false;
  }
  if (shift != 0 && value >> (64 - shift) != 0) return false;
  *out = value << shift;
  return true;
}

bool parseNumber(Text text, std::uint64_t* out) noexcept {
  if (text.size < 3 || text.data[0] != '0' || lower(text.data[1]) != 'x') return parseDigits(text, out);
  if (text.size > 18) return false;
  std::uint64_t value = 0;
  for (std::size_t i = 2; i < text.size; ++i) {
    const char c = lower(text.data[i]);
    const bool letter = c >= 'a' && c <= 'f';
    if (!letter && (c < '0' || c > '9')) return false;
    value = value << 4 | static_cast<std::uint64_t>(letter ? c - 'a' + 10 : c - '0');
  }
  *out = value;
  return true;
}

bool parseFlag(Text text, bool* out) noexcept {
  for (const char* yes : {"1", "on", "yes", "true"}) {
    if (equal(text, textOf(yes))) return *out = true, true;
  }
  for (const char* no : {"0", "off", "no", "false"}) {
    if (equal(text, textOf(no))) return *out = false, true;
  }
  return false;
}

bool parsePurge(Text text, PurgeRule* out) noexcept {
  if (equal(text, textOf("auto"))) return *out = {PurgeMode::kAuto, 0}, true;
  if (equal(text, textOf("eager"))) return *out = {PurgeMode::kEager, 0}, true;
  if (equal(text, textOf("never"))) return *out = {PurgeMode::kNever, 0}, true;
  constexpr std::uint64_t kLongest = 3600;
  if (text.size != 0 && lower(text.data[text.size - 1]) == 's') --text.size;
  std::uint64_t seconds = 0;
  if (!parseDigits(text, &seconds) || seconds < 1 || seconds > kLongest) return false;
  return *out = {PurgeMode::kAfter, static_cast<std::uint32_t>(seconds)}, true;
}

bool parseSeconds(Text text, std::uint32_t* out) noexcept {
  constexpr std::uint64_t kLongestSeconds = 7 * 24 * 3600;
  std::uint64_t unit = 1;
  if (text.size != 0) {
    const Text last{text.data + text.size - 1, 1};
    const bool hours = equal(last, textOf("h"));
    const bool minutes = equal(last, textOf("m"));
    if (hours || minutes || equal(last, textOf("s"))) --text.size;
    unit = hours ? 3600 : minutes ? 60 : 1;
  }
  std::uint64_t number = 0;
  if (!parseDigits(text, &number) || number < 1 || number > kLongestSeconds / unit) return false;
  *out = static_cast<std::uint32_t>(number * unit);
  return true;
}

bool parseTimeline(Text text, TimelineRule* out) noexcept {
  constexpr std::uint32_t kLongest = 3600;
  TimelineRule rule;
  if (equal(text, textOf("0"))) {
    rule.seconds = 0;
  } else if (!parseSeconds(text, &rule.seconds) || rule.seconds > kLongest) {
    return false;
  }
  *out = rule;
  return true;
}

bool parseThp(Text text, ThpMode* out) noexcept {
  if (equal(text, textOf("auto"))) return *out = ThpMode::kAuto, true;
  if (equal(text, textOf("never"))) return *out = ThpMode::kNever, true;
  if (equal(text, textOf("always"))) return *out = ThpMode::kAlways, true;
  return false;
}

bool parseControl(Text text, Control* out) noexcept {
  Control control;
  if (!parseFlag(text, &control.on)) {
    const bool isPath = contains(text, '/') && text.data[text.size - 1] != '/';
    if (!isPath || text.size >= sizeof control.path) return false;
    std::memcpy(control.path, text.data, text.size);
    control.on = true;
  }
  *out = control;
  return true;
}

bool parseUnwinder(Text text, Unwinder* out) noexcept {
  if (equal(text, textOf("auto"))) return *out = Unwinder::kAuto, true;
  if (equal(text, textOf("fp"))) return *out = Unwinder::kFramePointer, true;
  if (equal(text, textOf("libunwind"))) return *out = Unwinder::kLibunwind, true;
  return false;
}

int signalNumber(Text name) noexcept {
  if (name.size > 3 && equal({name.data, 3}, textOf("SIG"))) name = {name.data + 3, name.size - 3};
  std::uint64_t number = 0;
  const bool isNumber = parseDigits(name, &number);
  for (const SignalName& signal : kSignals) {
    if (isNumber ? number == static_cast<std::uint64_t>(signal.number) : equal(name, textOf(signal.name))) {
      return signal.number;
    }
  }
  if (isNumber && number >= kFirstRealTime && number <= kLastRealTime) return static_cast<int>(number);
  return 0;
}

const char* signalName(int number) noexcept {
  for (const SignalName& signal : kSignals) {
    if (signal.number == number) return signal.name;
  }
  return nullptr;
}

bool matchesAny(const char* patterns, const char* name) noexcept {
  Text rest = textOf(patterns);
  if (rest.size == 0) return true;
  while (rest.size != 0) {
    if (matches(cut(&rest, '|'), textOf(name))) return true;
  }
  return false;
}

unsigned editDistance(Text a, Text b) noexcept {
  constexpr std::size_t kLongest = 32;
  if (a.size > kLongest) a.size = kLongest;
  if (b.size > kLongest) b.size = kLongest;
  unsigned row[kLongest + 1];
  for (unsigned j = 0; j <= b.size; ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size; ++i) {
    unsigned diagonal = row[0];
    row[0] = static_cast<unsigned>(i) + 1;
    for (std::size_t j = 0; j < b.size; ++j) {
      const unsigned replaced = diagonal + (lower(a.data[i]) == lower(b.data[j]) ? 0 : 1);
      diagonal = row[j + 1];
      const unsigned shorter = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
      row[j + 1] = replaced < shorter ? replaced : shorter;
    }
  }
  return row[b.size];
}

Line& Line::operator<<(Text text) noexcept {
  for (std::size_t i = 0; i < text.size && size_ < kCapacity; ++i) data_[size_++] = text.data[i];
  return *this;
}

Line& Line::number(std::uint64_t value) noexcept {
  char digits[20];
  std::size_t count = 0;
  do {
    digits[sizeof digits - ++count] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return *this << Text{digits + sizeof digits - count, count};
}

Line& Line::bytes(std::uint64_t value) noexcept {
  constexpr char kUnits[] = "\0kmgt";
  std::size_t unit = 0;
  while (unit < 4 && value != 0 && value % 1024 == 0) {
    value /= 1024;
    ++unit;
  }
  number(value);
  return unit == 0 ? *this : *this << Text{kUnits + unit, 1};
}

Line& Line::padTo(std::size_t column) noexcept {
  while (size_ < column && size_ < kCapacity) data_[size_++] = ' ';
  return *this;
}

const char* Line::text() noexcept {
  data_[size_] = '\0';
  return data_;
}

void Line::write() noexcept {
  data_[size_] = '\n';
  const int savedErrno = errno;
  // Nothing can be done about a closed stderr.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, data_, size_ + 1);
  errno = savedErrno;
}

}  // namespace heapprof::config

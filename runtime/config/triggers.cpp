// dump=: when a dump is made.
#include <cstdint>

#include "runtime/config/values.h"

namespace heapprof::config {
namespace {

constexpr std::uint64_t kLeastGrowthBytes = std::uint64_t{64} << 10;
constexpr std::uint32_t kUsualPercent = 90;

// "90", "90%"; below 10 it would fire at once, above 99 never.
bool parsePercent(Text text, std::uint32_t* out) noexcept {
  if (text.size != 0 && text.data[text.size - 1] == '%') --text.size;
  std::uint64_t number = 0;
  if (!parseDigits(text, &number) || number < 10 || number > 99) return false;
  *out = static_cast<std::uint32_t>(number);
  return true;
}

bool parseGrowth(Text text, std::uint64_t* out) noexcept {
  return parseBytes(text, out) && *out >= kLeastGrowthBytes;
}

bool parseTrigger(Text text, DumpTriggers* out) noexcept {
  const bool hasValue = contains(text, ':');
  Text value = text;
  const Text kind = cut(&value, ':');
  if (!hasValue) {
    if (equal(kind, textOf("exit"))) return out->atExit = true;
    if (equal(kind, textOf("term"))) return out->atTermination = true;
    if (equal(kind, textOf("peak"))) return out->atPeak = true;
    if (!equal(kind, textOf("near-limit"))) return false;
    out->nearLimitPercent = kUsualPercent;
    return true;
  }
  if (equal(kind, textOf("signal"))) return (out->signal = signalNumber(value)) != 0;
  if (equal(kind, textOf("interval"))) return parseSeconds(value, &out->intervalSeconds);
  if (equal(kind, textOf("growth"))) return parseGrowth(value, &out->growthBytes);
  return equal(kind, textOf("near-limit")) && parsePercent(value, &out->nearLimitPercent);
}

// Puts a "+" before all but the first.
class Joined {
 public:
  explicit Joined(Line* out) noexcept : out_(out) {}
  Line& add(const char* text) noexcept {
    if (any_) *out_ << "+";
    any_ = true;
    return *out_ << text;
  }
  bool any() const noexcept { return any_; }

 private:
  Line* out_;
  bool any_ = false;
};

}  // namespace

bool parseTriggers(Text text, DumpTriggers* out) noexcept {
  if (text.size == 0 || text.data[text.size - 1] == '+') return false;
  DumpTriggers triggers;
  const bool none = equal(text, textOf("none"));
  while (text.size != 0 && !none) {
    if (!parseTrigger(cut(&text, '+'), &triggers)) return false;
  }
  *out = triggers;
  return true;
}

void formatTriggers(const DumpTriggers& dump, Line* out) noexcept {
  Joined triggers(out);
  if (dump.atExit) triggers.add("exit");
  if (dump.atTermination) triggers.add("term");
  if (dump.signal != 0) {
    Line& line = triggers.add("signal:");
    if (const char* name = signalName(dump.signal)) {
      line << name;
    } else {
      line.number(static_cast<std::uint64_t>(dump.signal));
    }
  }
  if (dump.intervalSeconds != 0) triggers.add("interval:").number(dump.intervalSeconds) << "s";
  if (dump.growthBytes != 0) triggers.add("growth:").bytes(dump.growthBytes);
  if (dump.atPeak) triggers.add("peak");
  if (dump.nearLimitPercent != 0) triggers.add("near-limit:").number(dump.nearLimitPercent) << "%";
  if (!triggers.any()) *out << "none";
}

}  // namespace heapprof::config

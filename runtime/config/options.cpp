// The table of options, and the parser that is driven by it.
#include "runtime/config/options.h"

#include <cstddef>
#include <cstring>
#include <sys/auxv.h>
#include <unistd.h>

#include "runtime/base/fatal.h"
#include "runtime/config/values.h"

namespace heapprof::config {
namespace {

enum class OptionType : std::uint8_t {
  kBytes,
  kTriggers,
  kPath,
  kPatterns,
  kSeed,
  kDepth,
  kUnwinder,
  kPurge,
  kThp,
  kTimeline,
  kKeep,
  kControl,
  kFlag,
  kHelp
};

// Texts, not pointers: these would be relocated in every process, at 24 bytes each (runtime/README.md).
struct Row {
  char key[12];
  OptionType type;
  std::uint16_t offset;  // of the member in Options
  char defaultText[24];
  char help[200];
};

constexpr Row kRows[] = {
#define HEAPPROF_OPTION(key, member, type, defaultText, help) \
  {key, OptionType::type, offsetof(Options, member), defaultText, help},
#include "runtime/config/options.def"
#undef HEAPPROF_OPTION
};

template <typename T>
T* memberOf(const Row& row, Options* options) noexcept {
  return reinterpret_cast<T*>(reinterpret_cast<char*>(options) + row.offset);
}

bool copyText(Text text, char* out, std::size_t capacity) noexcept {
  if (text.size >= capacity) return false;
  if (text.size != 0) std::memcpy(out, text.data, text.size);
  out[text.size] = '\0';
  return true;
}

bool store(const Row& row, Text value, Options* out) noexcept {
  switch (row.type) {
    case OptionType::kBytes:
      return parseBytes(value, memberOf<std::uint64_t>(row, out));
    case OptionType::kTriggers:
      return parseTriggers(value, memberOf<DumpTriggers>(row, out));
    case OptionType::kPath:
      return value.size != 0 && copyText(value, out->path, sizeof out->path);
    case OptionType::kPatterns:
      return copyText(value, out->only, sizeof out->only);
    case OptionType::kSeed:
      out->hasSeed = parseNumber(value, &out->seed);
      return out->hasSeed || value.size == 0;
    case OptionType::kDepth: {
      std::uint64_t depth = 0;
      if (!parseNumber(value, &depth) || depth < 1 || depth > 128) return false;
      out->depth = static_cast<std::uint32_t>(depth);
      return true;
    }
    case OptionType::kUnwinder:
      return parseUnwinder(value, &out->unwinder);
    case OptionType::kPurge:
      return parsePurge(value, &out->purge);
    case OptionType::kTimeline:
      return parseTimeline(value, &out->timeline);
    case OptionType::kThp:
      return parseThp(value, &out->thp);
    case OptionType::kKeep: {
      std::uint64_t keep = 0;
      if (!parseDigits(value, &keep) || keep > kMostKept) return false;
      out->keep = static_cast<std::uint32_t>(keep);
      return true;
    }
    case OptionType::kControl:
      return parseControl(value, &out->control);
    case OptionType::kFlag:
      return parseFlag(value, memberOf<bool>(row, out));
    case OptionType::kHelp:
      break;
  }
  return true;
}

const char* examplesFor(OptionType type) noexcept {
  switch (type) {
    case OptionType::kBytes:
      return "a size such as 512k, 64KiB or 1g";
    case OptionType::kTriggers:
      return "exit, term, signal:USR2, interval:60s, growth:64m, peak, near-limit:90% or none, joined by +";
    case OptionType::kPath:
      return "a file name of 1 to 511 letters";
    case OptionType::kPatterns:
      return "at most 63 letters";
    case OptionType::kSeed:
      return "a number such as 42 or 0x2a";
    case OptionType::kDepth:
      return "a number from 1 to 128";
    case OptionType::kUnwinder:
      return "auto, fp or libunwind";
    case OptionType::kPurge:
      return "auto, eager, never or seconds from 1 to 3600";
    case OptionType::kTimeline:
      return "0, or a time from 1s to 1h";
    case OptionType::kThp:
      return "auto, never or always";
    case OptionType::kKeep:
      return "a number from 0 to 1000";
    case OptionType::kControl:
      return "0, 1 or a path of at most 107 letters with a / in it";
    case OptionType::kFlag:
      return "0 or 1";
    case OptionType::kHelp:
      break;
  }
  return "nothing";
}

const Row* findRow(Text key) noexcept {
  for (const Row& row : kRows) {
    if (equal(key, textOf(row.key))) return &row;
  }
  return nullptr;
}

const Row& nearestRow(Text key) noexcept {
  const Row* best = &kRows[0];
  for (const Row& row : kRows) {
    if (editDistance(key, textOf(row.key)) < editDistance(key, textOf(best->key))) best = &row;
  }
  return *best;
}

bool looksLikePath(Text text) noexcept {
  const auto endsIn = [text](const char* suffix) {
    const Text end = textOf(suffix);
    return text.size > end.size && equal({text.data + text.size - end.size, end.size}, end);
  };
  return contains(text, '/') || endsIn(".gz") || endsIn(".pb") || endsIn(".prof") || endsIn(".heap");
}

void printTable() noexcept {
  Line title;
  title << "HEAPPROF=1 samples with these defaults; or key=value,key=value,... with:";
  title.write();
  for (const Row& row : kRows) {
    Line line;
    line << "  " << row.key;
    line.padTo(14) << row.help;
    if (row.defaultText[0] != '\0') line << " [" << row.defaultText << "]";
    line.write();
  }
}

// What parse() found besides the values.
struct Findings {
  int complaints = 0;
  bool help = false;
};

void complainAboutKey(Text item, Text key) noexcept {
  Line line;
  line << "heapprof: HEAPPROF: ";
  if (looksLikePath(item) && !contains(item, '=')) {
    line << "\"" << item << "\" looks like a path: write path=" << item;
  } else {
    line << "no option \"" << key << "\", ignored; the nearest is \"" << nearestRow(key).key
         << "\" (HEAPPROF=help lists all)";
  }
  line.write();
}

void complainAboutValue(const Row& row, Text value) noexcept {
  Line line;
  line << "heapprof: HEAPPROF: " << row.key << "=" << value << " is not " << examplesFor(row.type);
  if (row.defaultText[0] != '\0') line << "; using " << row.defaultText;
  line.write();
}

void parseItem(Text item, bool quiet, Options* out, Findings* findings) noexcept {
  std::size_t keyLength = 0;
  while (keyLength < item.size && item.data[keyLength] != '=') ++keyLength;
  const Text key{item.data, keyLength};
  const bool hasValue = keyLength < item.size;
  const Text value = hasValue ? Text{item.data + keyLength + 1, item.size - keyLength - 1} : Text{nullptr, 0};
  if (item.size == 0 || (!hasValue && equal(key, textOf("1")))) return;  // "1,depth=8"; a trailing comma

  const Row* row = findRow(key);
  if (row == nullptr) {
    ++findings->complaints;
    if (!quiet) complainAboutKey(item, key);
    return;
  }
  if (row->type == OptionType::kHelp) {
    findings->help = true;
    return;
  }
  if (hasValue && store(*row, value, out)) {
    if (row->type == OptionType::kTriggers) out->dump.isWritten = true;
    if (row->type == OptionType::kTimeline) out->timeline.isWritten = out->timeline.seconds != 0;
    return;
  }
  ++findings->complaints;
  store(*row, textOf(row->defaultText), out);
  if (!quiet) complainAboutValue(*row, value);
}

Findings parseItems(Text rest, bool quiet, Options* out) noexcept {
  Findings findings;
  while (rest.size != 0) {
    const void* comma = std::memchr(rest.data, ',', rest.size);
    const std::size_t length =
        comma == nullptr ? rest.size : static_cast<std::size_t>(static_cast<const char*>(comma) - rest.data);
    parseItem({rest.data, length}, quiet, out, &findings);
    const std::size_t used = comma == nullptr ? length : length + 1;
    rest = {rest.data + used, rest.size - used};
  }
  return findings;
}

// The last part of /proc/self/exe, without the kernel's " (deleted)"; "" where it cannot be read.
void readExecutableName(char* out, std::size_t capacity) noexcept {
  char path[4096];
  const auto length = readlink("/proc/self/exe", path, sizeof path - 1);
  out[0] = '\0';
  if (length <= 0) return;
  Text text{path, static_cast<std::size_t>(length)};
  const Text deleted = textOf(" (deleted)");
  if (text.size > deleted.size && equal({text.data + text.size - deleted.size, deleted.size}, deleted)) {
    text.size -= deleted.size;
  }
  std::size_t start = text.size;
  while (start > 0 && text.data[start - 1] != '/') --start;
  copyText({text.data + start, text.size - start}, out, capacity);
}

// The last part of the path that was executed, links not followed; null where the kernel does not say.
const char* calledName() noexcept {
  const auto* path = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  const char* name = path;
  for (const char* at = path; at != nullptr && *at != '\0'; ++at) {
    if (*at == '/') name = at + 1;
  }
  return name;
}

const char* nameOf(Unwinder unwinder) noexcept {
  switch (unwinder) {
    case Unwinder::kFramePointer:
      return "fp";
    case Unwinder::kLibunwind:
      return "libunwind";
    case Unwinder::kAuto:
      break;
  }
  return "auto";
}

void formatPurge(const PurgeRule& rule, Line* out) noexcept {
  switch (rule.mode) {
    case PurgeMode::kAuto:
      *out << "auto";
      break;
    case PurgeMode::kEager:
      *out << "eager";
      break;
    case PurgeMode::kNever:
      *out << "never";
      break;
    case PurgeMode::kAfter:
      out->number(rule.seconds);
      break;
  }
}

// The value in force, as it would be written in HEAPPROF.
void format(const Row& row, const Options& options, Line* out) noexcept {
  const char* member = reinterpret_cast<const char*>(&options) + row.offset;
  switch (row.type) {
    case OptionType::kBytes:
      out->bytes(*reinterpret_cast<const std::uint64_t*>(member));
      break;
    case OptionType::kTriggers:
      formatTriggers(options.dump, out);
      break;
    case OptionType::kPath:
    case OptionType::kPatterns:
      *out << member;
      break;
    case OptionType::kSeed:
      if (options.hasSeed) out->number(options.seed);
      break;
    case OptionType::kDepth:
      out->number(options.depth);
      break;
    case OptionType::kUnwinder:
      *out << nameOf(options.unwinder);
      break;
    case OptionType::kPurge:
      formatPurge(options.purge, out);
      break;
    case OptionType::kTimeline:
      out->number(options.timeline.seconds) << "s";
      break;
    case OptionType::kThp:
      *out << (options.thp == ThpMode::kNever    ? "never"
               : options.thp == ThpMode::kAlways ? "always"
                                                 : "auto");
      break;
    case OptionType::kKeep:
      out->number(options.keep);
      break;
    case OptionType::kControl:
      *out << (options.control.path[0] != '\0' ? options.control.path : options.control.on ? "1" : "0");
      break;
    case OptionType::kFlag:
      *out << (*reinterpret_cast<const bool*>(member) ? "1" : "0");
      break;
    case OptionType::kHelp:
      break;
  }
}

}  // namespace

int parse(const char* text, const char* executableName, Options* out, const char* calledName) noexcept {
  *out = Options();
  for (const Row& row : kRows) store(row, textOf(row.defaultText), out);
  const Text whole = text == nullptr ? Text{nullptr, 0} : textOf(text);
  if (whole.size == 0 || equal(whole, textOf("0"))) {
    out->sampleBytes = 0;
    out->dump = DumpTriggers();
    out->control = Control();
    return 0;
  }
  // A program that `only` leaves out must stay quiet, complaints included: shells start many of them.
  Options probe = *out;
  parseItems(whole, true, &probe);
  const bool wanted =
      matchesAny(probe.only, executableName) || (calledName != nullptr && matchesAny(probe.only, calledName));
  const Findings findings = parseItems(whole, !wanted, out);
  if (findings.help && wanted) printTable();
  out->active = wanted && !findings.help;
  if (!out->active) {
    out->sampleBytes = 0;
    out->dump = DumpTriggers();
    out->control = Control();
  }
  return findings.complaints;
}

void parseInThisProcess(const char* text, Options* out) noexcept {
  char name[256];
  readExecutableName(name, sizeof name);
  parse(text, name, out, calledName());
}

void forEachOption(const Options& options, OptionVisitor visit, void* context) noexcept {
  for (const Row& row : kRows) {
    if (row.type == OptionType::kHelp) continue;
    Line value;
    format(row, options, &value);
    visit(context, row.key, value.text());
  }
}

}  // namespace heapprof::config

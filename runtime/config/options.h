// HEAPPROF parsed into one struct, from one table (options.def: name, member, type, default, help). A wrong
// key or value is named on stderr with the nearest valid one, and the default stays. Ignored altogether in
// setuid programs.
//
// Invariant: parsed once, before the first thread of ours, then constant; reading needs no lock. The table
// lists only what works today. `HEAPPROF=help` prints it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::config {

enum class Unwinder : std::uint8_t { kAuto, kFramePointer, kLibunwind };

enum class ThpMode : std::uint8_t {
  kAuto,    // as the administrator's setting allows
  kNever,   // none is formed, and where the kernel would of itself it is told not to
  kAlways,  // also where the administrator's setting says never
};

enum class PurgeMode : std::uint8_t { kAuto, kEager, kNever, kAfter };

struct PurgeRule {
  PurgeMode mode = PurgeMode::kAuto;
  std::uint32_t seconds = 0;  // of kAfter
};

struct DumpTriggers {
  bool atExit = false;
  bool atTermination = false;         // SIGINT and SIGTERM, where their disposition is the default
  int signal = 0;                     // 0: none
  std::uint32_t intervalSeconds = 0;  // 0: none
  std::uint64_t growthBytes = 0;      // 0: none
  bool atPeak = false;
  std::uint32_t nearLimitPercent = 0;  // of the cgroup's limit; 0: none
  bool isWritten = false;              // dump= stands in HEAPPROF; else these are its defaults

  // These are looked for by the helper thread, on a clock.
  bool areTimed() const noexcept {
    return intervalSeconds != 0 || growthBytes != 0 || atPeak || nearLimitPercent != 0;
  }
};

inline constexpr std::size_t kControlBytes = 108;  // what a socket's address holds

struct Control {
  bool on = false;
  char path[kControlBytes] = {};  // "": the default place
};

struct TimelineRule {
  std::uint32_t seconds = 1;  // between rows; 0: no timeline
  bool isWritten = false;     // asked for: from the start, with a helper thread
};

inline constexpr std::size_t kPathBytes = 512;
inline constexpr std::uint32_t kMostKept = 1000;

// As it is where HEAPPROF is unset, empty or 0: the table's defaults, all off; a test compares the two.
struct Options {
  bool active = false;            // HEAPPROF set, not empty, not "0", and `only` matches
  std::uint64_t sampleBytes = 0;  // mean interval; 0: sampling off; 1: every allocation
  DumpTriggers dump;
  char path[kPathBytes] =
      "heapprof.%e.%p.%n.pb.gz";  // template: %e name, %h host, %p pid, %t time, %n number
  char only[64] = {};             // a|b*: names of executables; other programs run with sampling off
  std::uint64_t seed = 0;
  bool hasSeed = false;
  std::uint32_t depth = 128;  // frames kept, 1..128
  Unwinder unwinder = Unwinder::kAuto;
  std::uint64_t recordsBytes = std::uint64_t{64} << 20;  // cap on memory for live records
  std::uint64_t reserveBytes = 0;                        // 0: chosen from RAM and RLIMIT_AS
  PurgeRule purge;
  ThpMode thp = ThpMode::kAuto;
  TimelineRule timeline;
  std::uint64_t limitBytes = 0;  // of granules in use; 0: none
  std::uint32_t keep = 0;        // dumps of this process that stay; 0: all
  Control control;
  bool background = true;  // the helper thread
  bool log = true;

  // dump= and sample=0, both written: a dump without stacks is what was asked for. Otherwise a process that
  // was never sampled ends without a file.
  bool dumpsWithoutSamples() const noexcept { return active && sampleBytes == 0 && dump.isWritten; }
};

// Reads the environment on the first call. Never allocates.
const Options& options() noexcept;

// For tests: parses `text` into `out`; returns the number of complaints (written to stderr). `only` may name
// the executable or the link by which it was called (null: the same): Debian's redis-server is a link to
// redis-check-rdb.
int parse(const char* text, const char* executableName, Options* out,
          const char* calledName = nullptr) noexcept;

// For options(): `text` is HEAPPROF's value, not empty.
void parseInThisProcess(const char* text, Options* out) noexcept;

// For a dump's header: visits "key", "value in force".
using OptionVisitor = void (*)(void* context, const char* key, const char* value);
void forEachOption(const Options& options, OptionVisitor visit, void* context) noexcept;

}  // namespace heapprof::config

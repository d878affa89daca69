#include "runtime/introspect/process_figures.h"

#include <cerrno>
#include <cstring>

#include "runtime/introspect/line_reader.h"
#include "runtime/introspect/proc_self.h"
#include "runtime/introspect/text.h"
#include "runtime/os/os.h"

namespace heapprof::introspect {
namespace {

// smaps_rollup walks every page table under mmap's lock, and whoever maps, unmaps or protects waits so
// long: 1.6 ms at 290 MiB, most of it in huge pages. Up to this it takes well under a millisecond; above it
// status counts as well.
constexpr std::uint64_t kRollupLimitBytes = std::uint64_t{64} << 20;
constexpr std::size_t kPathBytes = 1024;

struct Key {
  const char* name;
  Figure* out;
  std::uint64_t unit;
};

void readKeys(const char* path, char* buffer, const Key* keys, std::size_t count, int* error) noexcept {
  LineReader lines(path, buffer, kFiguresBufferBytes);
  while (const char* line = lines.next()) {
    for (std::size_t i = 0; i < count; ++i) {
      if (startsWith(line, keys[i].name)) {
        const char* at = line + std::strlen(keys[i].name);
        skipSpaces(&at);
        if (*at >= '0' && *at <= '9') {
          keys[i].out->set(takeDecimal(&at) * keys[i].unit);
        }
      }
    }
  }
  *error = lines.error();
}

// Of a line "0::/path" (v2) or "7:memory:/path" (v1); empty when the line is neither.
const char* memoryPathOf(const char* line, bool* v2) noexcept {
  const char* at = line;
  takeDecimal(&at);
  if (startsWith(at, "::")) {
    *v2 = true;
    return at + 2;
  }
  if (*at != ':') {
    return "";
  }
  const char* path = std::strchr(at + 1, ':');
  for (const char* word = at + 1; path != nullptr && word < path;) {
    if (startsWith(word, "memory") && (word[6] == ',' || word[6] == ':')) {
      *v2 = false;
      return path + 1;
    }
    const char* comma =
        static_cast<const char*>(std::memchr(word, ',', static_cast<std::size_t>(path - word)));
    word = comma != nullptr ? comma + 1 : path;
  }
  return "";
}

// Alone in the cgroup: its charge is ours.
bool aloneIn(const char* directory, char* buffer) noexcept {
  char path[kPathBytes];
  Text text(path, sizeof path);
  LineReader lines(text.add(directory).add("/cgroup.procs").c_str(), buffer, kFiguresBufferBytes);
  int processes = 0;
  while (lines.next() != nullptr) {
    ++processes;
  }
  return lines.error() == 0 && processes == 1;
}

void readCharge(const char* directory, bool v2, char* buffer, const Figure& anonymousRss,
                CgroupFigures* out) noexcept {
  char path[kPathBytes];
  Text text(path, sizeof path);
  text.add(directory).add(v2 ? "/memory.current" : "/memory.usage_in_bytes");
  std::uint64_t charge = 0;
  if (text.truncated() || !readNumberFile(path, &charge)) {
    return;
  }
  out->charge.set(charge);
  out->version = v2 ? "v2" : "v1";
  if (!anonymousRss.known || !aloneIn(directory, buffer)) {
    return;
  }
  Figure anonymous;
  const Key key[] = {{v2 ? "anon " : "rss ", &anonymous, 1}};
  int error = 0;
  text.clear();
  readKeys(text.add(directory).add("/memory.stat").c_str(), buffer, key, 1, &error);
  if (anonymous.known) {
    out->chargedUnmapped.set(anonymous.value > anonymousRss.value ? anonymous.value - anonymousRss.value : 0);
  }
}

}  // namespace

ProcessFigures readProcessFigures(char* buffer) noexcept {
  ProcessFigures out;
  Figure statusRss;
  const Key status[] = {{"VmRSS:", &statusRss, 1024},
                        {"VmHWM:", &out.peakRss, 1024},
                        {"VmSwap:", &out.swapped, 1024},
                        {"RssAnon:", &out.anonymousRss, 1024},
                        {"Threads:", &out.threads, 1}};
  int error = 0;
  readKeys(ProcSelf("status"), buffer, status, 5, &error);
  out.rss = statusRss;
  if (statusRss.known && statusRss.value > kRollupLimitBytes) {
    out.rollupError = E2BIG;
    return out;
  }
  Figure rollupRss;
  const Key rollup[] = {{"Rss:", &rollupRss, 1024}, {"Pss:", &out.pss, 1024}};
  readKeys(ProcSelf("smaps_rollup"), buffer, rollup, 2, &out.rollupError);
  if (rollupRss.known) {
    out.rss = rollupRss;
  }
  return out;
}

Figure readRss() noexcept {
  Figure rss;
  char text[128];
  if (readSmallFile(ProcSelf("statm"), text, sizeof text) <= 0) return rss;
  const char* at = text;
  takeDecimal(&at);  // the whole size; both are pages
  skipSpaces(&at);
  const std::uint64_t pages = takeDecimal(&at);
  if (pages != 0) rss.set(pages * os::pageBytes());
  return rss;
}

CgroupFigures readCgroupFigures(char* buffer, const Figure& anonymousRss) noexcept {
  CgroupFigures out;
  char own[kPathBytes] = "";
  bool v2 = false;
  {
    LineReader lines(ProcSelf("cgroup"), buffer, kFiguresBufferBytes);
    while (const char* line = lines.next()) {
      bool thisV2 = false;
      const char* path = memoryPathOf(line, &thisV2);
      // On mixed machines the memory controller of v1 is the one that charges.
      if (*path != '\0' && (own[0] == '\0' || !thisV2)) {
        Text(own, sizeof own).add(path);
        v2 = thisV2;
      }
    }
  }
  if (own[0] == '\0') {
    return out;
  }
  constexpr const char* kV1[] = {"/sys/fs/cgroup/memory"};
  constexpr const char* kV2[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
  const std::size_t mounts = v2 ? 2 : 1;
  for (std::size_t i = 0; i < mounts && !out.charge.known; ++i) {
    char directory[kPathBytes];
    Text text(directory, sizeof directory);
    text.add(v2 ? kV2[i] : kV1[i]).add(std::strcmp(own, "/") == 0 ? "" : own);
    if (!text.truncated()) {
      readCharge(directory, v2, buffer, anonymousRss, &out);
    }
  }
  return out;
}

}  // namespace heapprof::introspect

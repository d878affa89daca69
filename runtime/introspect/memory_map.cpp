#include "runtime/introspect/memory_map.h"

#include <atomic>
#include <cerrno>

#include "runtime/introspect/line_reader.h"
#include "runtime/introspect/proc_self.h"
#include "runtime/introspect/text.h"

namespace heapprof::introspect {
namespace {

// Read by others, of the API, while a dump chooses.
constinit std::atomic<bool> threadSelf{false};

// start-end perms offset major:minor inode   name
bool parse(const char* at, MapEntry* out) noexcept {
  out->start = static_cast<std::uintptr_t>(takeHex(&at));
  if (*at++ != '-') {
    return false;
  }
  out->end = static_cast<std::uintptr_t>(takeHex(&at));
  if (*at++ != ' ' || at[0] == '\0' || at[1] == '\0' || at[2] == '\0' || at[3] == '\0') {
    return false;
  }
  out->readable = at[0] == 'r';
  out->executable = at[2] == 'x';
  at += 4;
  skipSpaces(&at);
  out->offset = takeHex(&at);
  skipSpaces(&at);
  const std::uint64_t major = takeHex(&at);
  if (*at++ != ':') {
    return false;
  }
  out->device = major << 32 | takeHex(&at);
  skipSpaces(&at);
  out->inode = takeDecimal(&at);
  skipSpaces(&at);
  out->name = at;
  return out->start < out->end;
}

}  // namespace

void chooseProcSelf() noexcept {
  char probe[8];
  threadSelf.store(readSmallFile("/proc/self/maps", probe, sizeof probe) <= 0, std::memory_order_relaxed);
}

ProcSelf::ProcSelf(const char* name) noexcept {
  Text text(path_, sizeof path_);
  text.add(threadSelf.load(std::memory_order_relaxed) ? "/proc/thread-self/" : "/proc/self/").add(name);
}

bool forEachMapEntry(char* buffer, void (*visit)(void* context, const MapEntry& entry),
                     void* context) noexcept {
  LineReader lines(ProcSelf("maps"), buffer, kMapBufferBytes);
  while (const char* line = lines.next()) {
    MapEntry entry{};
    if (parse(line, &entry)) {
      visit(context, entry);
    }
  }
  if (lines.error() != 0) {
    errno = lines.error();
    return false;
  }
  return true;
}

}  // namespace heapprof::introspect

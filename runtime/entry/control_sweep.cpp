#include "runtime/entry/control_sweep.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/introspect/text.h"
#include "runtime/os/os.h"

namespace heapprof::entry {
namespace {

constexpr std::size_t kBufferBytes = 8192;
constexpr std::uint64_t kYoungSeconds = 2;

struct Entry {  // linux_dirent64
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t bytes;
  std::uint8_t type;
  char name[1];
};

// "heapprof.UID.PID.sock", "heapprof.UID.PID.N.sock": the number; 0: no such name.
std::uint64_t processIn(const char* name) noexcept {
  char prefix[64];
  introspect::Text text(prefix, sizeof prefix);
  text.add("heapprof.").decimal(geteuid()).character('.');
  if (!introspect::startsWith(name, prefix) || !introspect::endsWith(name, std::strlen(name), ".sock"))
    return 0;
  const char* at = name + text.length();
  const std::uint64_t process = introspect::takeDecimal(&at);
  return *at == '.' ? process : 0;
}

void removeIfDead(const char* folder, const char* name) noexcept {
  const std::uint64_t process = processIn(name);
  if (process == 0 || process > 0x7fffffff) return;
  if (kill(static_cast<pid_t>(process), 0) == 0 || errno != ESRCH) return;
  char path[512];
  introspect::Text text(path, sizeof path);
  text.add(folder).character('/').add(name);
  struct stat info;
  const std::uint64_t now = os::calls().realtimeNanos() / 1000000000;
  if (text.truncated() || lstat(path, &info) != 0 || !S_ISSOCK(info.st_mode) || info.st_uid != geteuid() ||
      static_cast<std::uint64_t>(info.st_ctim.tv_sec) + kYoungSeconds > now)
    return;
  const int listener = os::calls().connectUnix(path);
  if (listener >= 0) {
    os::calls().close(listener);
  } else if (errno == ECONNREFUSED) {
    os::calls().unlink(path);
  }
}

}  // namespace

void sweepControlSockets(const char* folder) noexcept {
  const int directory = os::calls().openRead(folder);
  if (directory < 0) return;
  alignas(Entry) char buffer[kBufferBytes];
  unsigned seen = 0;
  for (long got = 0;
       seen < kMostEntries && (got = syscall(SYS_getdents64, directory, buffer, sizeof buffer)) > 0;) {
    for (long at = 0; at < got; ++seen) {
      const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
      removeIfDead(folder, entry->name);
      at += entry->bytes;
    }
  }
  os::calls().close(directory);
}

}  // namespace heapprof::entry

#include "runtime/introspect/dump_name.h"

#include <cstring>
#include <sys/utsname.h>
#include <unistd.h>

#include "runtime/introspect/proc_self.h"
#include "runtime/os/os.h"

namespace heapprof::introspect {
namespace {

constexpr std::size_t kPartBytes = 256;
constexpr const char* kSuffix = ".pb.gz";

// A part of a name never makes a path.
void copyPart(const char* from, char* to) noexcept {
  Text text(to, kPartBytes);
  for (; *from != '\0'; ++from) {
    text.character(*from == '/' ? '_' : *from);
  }
}

}  // namespace

NameParts namePartsOfThisProcess(char* program, char* host) noexcept {
  char path[1024];
  const ssize_t length = readlink(ProcSelf("exe"), path, sizeof path - 1);
  path[length > 0 ? length : 0] = '\0';
  const auto size = static_cast<std::size_t>(length > 0 ? length : 0);
  constexpr const char* kDeleted = " (deleted)";
  if (endsWith(path, size, kDeleted)) {
    path[size - std::strlen(kDeleted)] = '\0';
  }
  const char* slash = std::strrchr(path, '/');
  copyPart(slash != nullptr ? slash + 1 : path, program);
  if (program[0] == '\0') {
    copyPart("program", program);
  }
  utsname machine;
  copyPart(uname(&machine) == 0 ? machine.nodename : "host", host);
  return NameParts{program, host, static_cast<std::uint64_t>(getpid()),
                   os::calls().realtimeNanos() / 1000000000u};
}

bool expandName(const char* pattern, const NameParts& parts, std::uint64_t number, Text* out) noexcept {
  bool numbered = false;
  for (const char* at = pattern; *at != '\0'; ++at) {
    if (*at != '%' || at[1] == '\0') {
      out->character(*at);
      continue;
    }
    switch (*++at) {
      case 'e':
        out->add(parts.program);
        break;
      case 'h':
        out->add(parts.host);
        break;
      case 'p':
        out->decimal(parts.pid);
        break;
      case 't':
        out->decimal(parts.seconds);
        break;
      case 'n':
        out->decimal(number);
        numbered = true;
        break;
      case '%':
        out->character('%');
        break;
      default:
        out->character('%').character(*at);
    }
  }
  if (!numbered && number > 1) {
    const bool known = endsWith(out->c_str(), out->length(), kSuffix);
    if (known) {
      out->shorten(std::strlen(kSuffix));
    }
    out->character('.').decimal(number).add(known ? kSuffix : "");
  }
  return !out->truncated();
}

}  // namespace heapprof::introspect

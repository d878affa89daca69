#include "runtime/introspect/memory_limit.h"

#include <cstring>

#include "runtime/introspect/line_reader.h"
#include "runtime/introspect/proc_self.h"
#include "runtime/introspect/text.h"

namespace heapprof::introspect {
namespace {

constexpr std::size_t kBufferBytes = 4096;
// v1 says "none" as the largest multiple of a page.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;
constexpr std::size_t kMaxDepth = 32;

// The field that `*at` points at, ended; `*at` moves to the next one.
char* takeField(char** at) noexcept {
  char* field = *at;
  char* end = std::strchr(field, ' ');
  if (end == nullptr) {
    *at = field + std::strlen(field);
  } else {
    *end = '\0';
    *at = end + 1;
  }
  return field;
}

// mountinfo writes space, tab, newline and backslash as \ooo.
void unescape(char* text) noexcept {
  char* out = text;
  for (const char* in = text; *in != '\0'; ++out) {
    const auto octal = [in](int i) { return in[i] >= '0' && in[i] <= '7'; };
    if (*in == '\\' && octal(1) && octal(2) && octal(3)) {
      *out = static_cast<char>((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
      in += 4;
    } else {
      *out = *in++;
    }
  }
  *out = '\0';
}

bool hasWord(const char* list, const char* word) noexcept {
  const std::size_t length = std::strlen(word);
  for (const char* at = list; at != nullptr; at = std::strchr(at, ',')) {
    if (*at == ',') ++at;
    if (std::strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0')) return true;
  }
  return false;
}

// A number, or 0 for "max", none and unreadable: no limit.
std::uint64_t limitIn(const char* folder, std::size_t length, const char* file) noexcept {
  char path[1100];
  Text text(path, sizeof path);
  text.add(folder, length).add(file);
  std::uint64_t value = 0;
  if (text.truncated() || !readNumberFile(path, &value) || value >= kNoLimit) return 0;
  return value;
}

std::uint64_t fileCacheIn(const char* folder, std::size_t length, bool v2) noexcept {
  char path[1100];
  char buffer[kBufferBytes];
  LineReader lines(Text(path, sizeof path).add(folder, length).add("/memory.stat").c_str(), buffer,
                   sizeof buffer);
  const char* const keys[] = {v2 ? "inactive_file " : "total_inactive_file ",
                              v2 ? "active_file " : "total_active_file "};
  std::uint64_t sum = 0;
  while (const char* line = lines.next()) {
    for (const char* key : keys) {
      if (!startsWith(line, key)) continue;
      const char* at = line + std::strlen(key);
      sum += takeDecimal(&at);
    }
  }
  return sum;
}

std::uint64_t smaller(std::uint64_t a, std::uint64_t b) noexcept {
  if (a == 0 || b == 0) return a + b;
  return a < b ? a : b;
}

}  // namespace

const char* memoryCgroupOf(const char* line, bool* v2) noexcept {
  const char* at = line;
  takeDecimal(&at);
  if (startsWith(at, "::")) {
    *v2 = true;
    return at + 2;
  }
  if (*at != ':') return "";
  const char* path = std::strchr(at + 1, ':');
  for (const char* word = at + 1; path != nullptr && word < path;) {
    if (startsWith(word, "memory") && (word[6] == ',' || word[6] == ':')) {
      *v2 = false;
      return path + 1;
    }
    const auto left = static_cast<std::size_t>(path - word);
    const char* comma = static_cast<const char*>(std::memchr(word, ',', left));
    word = comma != nullptr ? comma + 1 : path;
  }
  return "";
}

bool cgroupFolderOf(const char* mountLine, bool v2, const char* own, char* folder, std::size_t capacity,
                    std::size_t* mountLength) noexcept {
  char copy[kBufferBytes];
  Text line(copy, sizeof copy);
  line.add(mountLine);
  char* at = copy;
  for (int i = 0; i < 3; ++i) takeField(&at);  // id, parent, device
  char* root = takeField(&at);
  char* mountPoint = takeField(&at);
  char* rest = std::strstr(at, " - ");
  if (line.truncated() || rest == nullptr) return false;
  rest += 3;
  const char* type = takeField(&rest);
  takeField(&rest);  // the device's name
  if (v2 ? std::strcmp(type, "cgroup2") != 0 : std::strcmp(type, "cgroup") != 0 || !hasWord(rest, "memory"))
    return false;
  unescape(root);
  unescape(mountPoint);
  // A container may see only its own part of the tree: the mount's root is then a prefix of our path.
  const std::size_t rootLength = std::strcmp(root, "/") == 0 ? 0 : std::strlen(root);
  const bool below =
      std::strncmp(own, root, rootLength) == 0 && (own[rootLength] == '/' || own[rootLength] == '\0');
  if (!below || std::strstr(own, "/../") != nullptr) return false;
  const char* part = own + rootLength;
  Text out(folder, capacity);
  out.add(std::strcmp(mountPoint, "/") == 0 ? "" : mountPoint);
  *mountLength = out.length();
  out.add(std::strcmp(part, "/") == 0 ? "" : part);
  return !out.truncated();
}

void MemoryLimit::find() noexcept {
  levels_ = 0;
  char buffer[kBufferBytes];
  char own[kPathBytes] = "";
  bool v2 = false;
  {
    LineReader lines(ProcSelf("cgroup"), buffer, sizeof buffer);
    while (const char* line = lines.next()) {
      bool thisV2 = false;
      const char* path = memoryCgroupOf(line, &thisV2);
      // On mixed machines the memory controller of v1 is the one that charges.
      if (*path != '\0' && (own[0] == '\0' || !thisV2)) {
        Text(own, sizeof own).add(path);
        v2 = thisV2;
      }
    }
  }
  if (own[0] == '\0') return;
  char folder[kPathBytes];
  std::size_t mountLength = 0;
  LineReader lines(ProcSelf("mountinfo"), buffer, sizeof buffer);
  while (const char* line = lines.next()) {
    if (cgroupFolderOf(line, v2, own, folder, sizeof folder, &mountLength)) {
      findAt(folder, mountLength, v2);
      return;
    }
  }
}

void MemoryLimit::findAt(const char* folder, std::size_t mountLength, bool v2) noexcept {
  levels_ = 0;
  v2_ = v2;
  Text(folder_, sizeof folder_).add(folder);
  std::size_t length = std::strlen(folder_);
  for (std::size_t depth = 0; depth < kMaxDepth && levels_ < kMaxLevels; ++depth) {
    const std::uint64_t limit =
        v2 ? smaller(limitIn(folder_, length, "/memory.max"), limitIn(folder_, length, "/memory.high"))
           : limitIn(folder_, length, "/memory.limit_in_bytes");
    if (limit != 0) {
      lengths_[levels_] = length;
      limits_[levels_++] = limit;
    }
    if (length <= mountLength) return;
    while (length > mountLength && folder_[length - 1] != '/') --length;
    if (length > mountLength) --length;  // the slash
  }
}

bool MemoryLimit::read(std::uint32_t percent, std::uint64_t* used, std::uint64_t* limit) noexcept {
  bool any = false;
  for (std::size_t i = 0; i < levels_; ++i) {
    std::uint64_t charge = limitIn(folder_, lengths_[i], v2_ ? "/memory.current" : "/memory.usage_in_bytes");
    if (charge == 0) continue;
    if (charge / 100 >= limits_[i] / 100 * percent / 100) {
      const std::uint64_t cache = fileCacheIn(folder_, lengths_[i], v2_);
      charge = charge > cache ? charge - cache : 0;
    }
    if (any && static_cast<double>(charge) * static_cast<double>(*limit) <=
                   static_cast<double>(*used) * static_cast<double>(limits_[i]))
      continue;
    *used = charge;
    *limit = limits_[i];
    any = true;
  }
  return any;
}

}  // namespace heapprof::introspect

#include "runtime/os/cgroup_mount.h"

#include <cstring>

namespace heapprof::os {
namespace {

constexpr std::size_t kLineBytes = 4096;

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

// Space, tab, newline and backslash are written as \ooo.
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

}  // namespace

bool cgroupMountOf(const char* line, int version, const char* own, char* mountPoint, std::size_t capacity,
                   const char** below) noexcept {
  char copy[kLineBytes];
  const std::size_t length = std::strlen(line);
  if (length >= sizeof copy) return false;
  std::memcpy(copy, line, length + 1);
  char* at = copy;
  for (int i = 0; i < 3; ++i) takeField(&at);  // id, parent, device
  char* root = takeField(&at);
  char* point = takeField(&at);
  char* rest = std::strstr(at, " - ");
  if (rest == nullptr) return false;
  rest += 3;
  const char* type = takeField(&rest);
  takeField(&rest);  // the device's name
  const bool wanted = version == 2 ? std::strcmp(type, "cgroup2") == 0
                                   : std::strcmp(type, "cgroup") == 0 && hasWord(rest, "memory");
  if (!wanted) return false;
  unescape(root);
  unescape(point);
  const std::size_t rootLength = std::strcmp(root, "/") == 0 ? 0 : std::strlen(root);
  const bool shown = std::strncmp(own, root, rootLength) == 0 &&
                     (own[rootLength] == '/' || own[rootLength] == '\0') &&
                     std::strstr(own, "/../") == nullptr;
  if (!shown || std::strlen(point) >= capacity) return false;
  std::strcpy(mountPoint, std::strcmp(point, "/") == 0 ? "" : point);
  *below = own + rootLength;
  return true;
}

}  // namespace heapprof::os

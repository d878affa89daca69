#include "runtime/os/thp.h"

#include <cstring>
#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/os/os.h"

namespace heapprof::os {
namespace {

constexpr char kEnabledFile[] = "/sys/kernel/mm/transparent_hugepage/enabled";

// The word in brackets; false: the file cannot be read or has none.
bool readChoice(const char* path, char* out, std::size_t capacity) noexcept {
  const int fd = calls().openRead(path);
  if (fd < 0) return false;
  char text[128];
  const long size = calls().read(fd, text, sizeof text - 1);
  calls().close(fd);
  text[size > 0 ? size : 0] = '\0';
  const char* open = std::strchr(text, '[');
  const char* close = open == nullptr ? nullptr : std::strchr(open, ']');
  if (close == nullptr || static_cast<std::size_t>(close - open) > capacity) return false;
  const auto length = static_cast<std::size_t>(close - open - 1);
  std::memcpy(out, open + 1, length);
  out[length] = '\0';
  return true;
}

ThpSetting settingOf(const char* word) noexcept {
  if (std::strcmp(word, "never") == 0) return ThpSetting::kNever;
  if (std::strcmp(word, "madvise") == 0) return ThpSetting::kMadvise;
  return std::strcmp(word, "always") == 0 ? ThpSetting::kAlways : ThpSetting::kUnreadable;
}

// "/sys/.../hugepages-2048kB/enabled", Linux 6.8.
void pathOfSize(std::size_t bytes, char* out) noexcept {
  constexpr char kFolder[] = "/sys/kernel/mm/transparent_hugepage/hugepages-";
  std::memcpy(out, kFolder, sizeof kFolder);
  char* at = out + sizeof kFolder - 1;
  char digits[20];
  unsigned count = 0;
  for (std::size_t rest = bytes >> 10; rest != 0 && count < sizeof digits; rest /= 10) {
    digits[count++] = static_cast<char>('0' + rest % 10);
  }
  while (count != 0) *at++ = digits[--count];
  std::memcpy(at, "kB/enabled", sizeof "kB/enabled");
}

}  // namespace

ThpSetting readThpSetting() noexcept {
  const int savedErrno = errno;
  char word[kSettingBytes];
  char path[96];
  ThpSetting setting = ThpSetting::kUnreadable;
  pathOfSize(geometry().hugePageBytes, path);
  if (geometry().hugePageBytes != 0 && readChoice(path, word, sizeof word)) setting = settingOf(word);
  if (setting == ThpSetting::kUnreadable && readChoice(kEnabledFile, word, sizeof word)) {
    setting = settingOf(word);
  }
  errno = savedErrno;
  return setting;
}

bool readSizeSetting(std::size_t bytes, char (&word)[kSettingBytes]) noexcept {
  const int savedErrno = errno;
  char path[96];
  pathOfSize(bytes, path);
  const bool known = readChoice(path, word, sizeof word);
  errno = savedErrno;
  return known;
}

bool faultsMayBeHuge() noexcept {
  const int savedErrno = errno;
  char word[kSettingBytes];
  const bool inherits = readChoice(kEnabledFile, word, sizeof word) && std::strcmp(word, "always") == 0;
  bool may = readThpSetting() == ThpSetting::kAlways;
  const std::size_t largest = geometry().hugePageBytes;
  for (std::size_t bytes = 2 * geometry().pageBytes; bytes < largest && !may; bytes *= 2) {
    if (!readSizeSetting(bytes, word)) continue;
    may = std::strcmp(word, "always") == 0 || (inherits && std::strcmp(word, "inherit") == 0);
  }
  errno = savedErrno;
  return may;
}

bool thpIsDisabledHere() noexcept {
  const int savedErrno = errno;
  const bool disabled = syscall(SYS_prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1;
  errno = savedErrno;
  return disabled;
}

}  // namespace heapprof::os

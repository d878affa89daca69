#include "runtime/os/cgroup.h"

#include <cstring>
#include <initializer_list>

#include "runtime/os/cgroup_mount.h"
#include "runtime/os/os.h"

namespace heapprof::os {
namespace {

constexpr std::size_t kPathBytes = 1024;
constexpr std::size_t kFileBytes =
    4096;  // memory.stat is longer, but what is looked for may be anywhere in it
// v1 writes "no limit" as the largest multiple of a page.
constexpr std::uint64_t kUnlimitedV1 = std::uint64_t{1} << 60;

class Path {
 public:
  explicit Path(const char* start) noexcept { add(start); }
  Path& add(const char* text) noexcept {
    const std::size_t size = std::strlen(text);
    fits_ = fits_ && used_ + size < kPathBytes;
    if (fits_) {
      std::memcpy(text_ + used_, text, size + 1);
      used_ += size;
    }
    return *this;
  }
  void cutTo(std::size_t size) noexcept {
    used_ = size;
    text_[size] = '\0';
  }
  bool fits() const noexcept { return fits_; }
  std::size_t size() const noexcept { return used_; }
  const char* text() const noexcept { return text_; }

 private:
  char text_[kPathBytes] = {};
  std::size_t used_ = 0;
  bool fits_ = true;
};

// The file's first bytes, terminated; false: it cannot be read.
bool readText(const char* path, char* out, std::size_t capacity) noexcept {
  const int fd = calls().openRead(path);
  if (fd < 0) return false;
  std::size_t size = 0;
  long got = 0;
  while (size + 1 < capacity && (got = calls().read(fd, out + size, capacity - 1 - size)) > 0) {
    size += static_cast<std::size_t>(got);
  }
  calls().close(fd);
  out[size] = '\0';
  return got >= 0 && size != 0;
}

bool takeNumber(const char* at, std::uint64_t* out) noexcept {
  if (*at < '0' || *at > '9') return false;
  std::uint64_t value = 0;
  for (; *at >= '0' && *at <= '9'; ++at) value = value * 10 + static_cast<std::uint64_t>(*at - '0');
  *out = value;
  return true;
}

// The number behind `key`, and blanks, at the start of a line or behind a space.
bool numberBehind(const char* text, const char* key, std::uint64_t* out) noexcept {
  for (const char* at = std::strstr(text, key); at != nullptr; at = std::strstr(at + 1, key)) {
    if (at != text && at[-1] != '\n' && at[-1] != ' ') continue;
    at += std::strlen(key);
    while (*at == ' ') ++at;
    return takeNumber(at, out);
  }
  return false;
}

struct Group {
  int version = 0;  // 0: none
  char path[kPathBytes] = {};
};

// Of a line "0::/path" (v2) or "7:cpu,memory:/path" (v1, the controller among its names); 0: neither.
int versionOf(const char* line, const char** path) noexcept {
  const char* names = std::strchr(line, ':');
  if (names == nullptr) return 0;
  ++names;
  const char* end = std::strchr(names, ':');
  if (end == nullptr) return 0;
  *path = end + 1;
  if (names == end) return 2;
  for (const char* at = names; at < end;) {
    const auto* comma = static_cast<const char*>(std::memchr(at, ',', static_cast<std::size_t>(end - at)));
    const char* stop = comma == nullptr ? end : comma;
    if (stop - at == 6 && std::memcmp(at, "memory", 6) == 0) return 1;
    at = stop + 1;
  }
  return 0;
}

// Where both versions are there, it is v1's memory controller that charges.
Group ownGroup(const CgroupPlaces& places) noexcept {
  Group group;
  char text[kFileBytes];
  if (!readText(places.ownGroups, text, sizeof text)) return group;
  for (char* line = text; *line != '\0';) {
    char* end = std::strchr(line, '\n');
    if (end != nullptr) *end = '\0';
    const char* path = nullptr;
    const int version = versionOf(line, &path);
    if (version != 0 && (group.version == 0 || version == 1) && std::strlen(path) < kPathBytes) {
      group.version = version;
      std::strcpy(group.path, std::strcmp(path, "/") == 0 ? "" : path);
    }
    if (end == nullptr) break;
    line = end + 1;
  }
  return group;
}

std::uint64_t readLimit(Path& directory, const char* name, std::uint64_t unlimited) noexcept {
  const std::size_t size = directory.size();
  char text[64];
  std::uint64_t value = kNoLimit;
  const bool good = directory.add(name).fits() && readText(directory.text(), text, sizeof text);
  directory.cutTo(size);
  return good && takeNumber(text, &value) && value < unlimited ? value : kNoLimit;
}

// In pieces of a bounded buffer; a line that does not fit ends it, and so does `visit` with true.
template <typename Visit>
void eachLine(const char* path, Visit visit) noexcept {
  const int fd = calls().openRead(path);
  if (fd < 0) return;
  char text[kFileBytes];
  std::size_t kept = 0;
  bool done = false;
  for (long got = 0; !done && (got = calls().read(fd, text + kept, sizeof text - 1 - kept)) > 0;) {
    text[kept + static_cast<std::size_t>(got)] = '\0';
    char* line = text;
    for (char* end = nullptr; !done && (end = std::strchr(line, '\n')) != nullptr; line = end + 1) {
      *end = '\0';
      done = visit(static_cast<const char*>(line));
    }
    kept = std::strlen(line);
    std::memmove(text, line, kept);
  }
  calls().close(fd);
}

void readFileCache(Path& directory, int version, CgroupMemory* out) noexcept {
  const char* inactive = version == 1 ? "total_inactive_file " : "inactive_file ";
  const char* active = version == 1 ? "total_active_file " : "active_file ";
  const std::size_t size = directory.size();
  if (directory.add("/memory.stat").fits()) {
    int found = 0;
    eachLine(directory.text(), [&](const char* line) {
      found += numberBehind(line, inactive, &out->inactiveFileBytes) ? 1 : 0;
      found += numberBehind(line, active, &out->activeFileBytes) ? 1 : 0;
      return found == 2;
    });
  }
  directory.cutTo(size);
}

bool readLevel(Path& directory, int version, CgroupMemory* out) noexcept {
  const std::size_t size = directory.size();
  char text[64];
  directory.add(version == 1 ? "/memory.usage_in_bytes" : "/memory.current");
  const bool good =
      directory.fits() && readText(directory.text(), text, sizeof text) && takeNumber(text, &out->usageBytes);
  directory.cutTo(size);
  if (!good) return false;
  out->known = true;
  out->version = version;
  if (version == 1) {
    out->limitBytes = readLimit(directory, "/memory.limit_in_bytes", kUnlimitedV1);
  } else {
    out->limitBytes = readLimit(directory, "/memory.max", kNoLimit);
    out->throttleBytes = readLimit(directory, "/memory.high", kNoLimit);
  }
  if (out->nearestBytes() != kNoLimit) readFileCache(directory, version, out);
  return true;
}

// How much may still be used; kNoLimit: as much as there is.
std::uint64_t roomOf(const CgroupMemory& level) noexcept {
  const std::uint64_t limit = level.nearestBytes();
  if (limit == kNoLimit) return kNoLimit;
  return limit > level.workingBytes() ? limit - level.workingBytes() : 0;
}

// From the group at `below` up to the mount.
CgroupMemory readBelow(const char* mount, const char* below, int version, CgroupFile* usage) noexcept {
  CgroupMemory best;
  Path directory(mount);
  const std::size_t root = directory.size();
  directory.add(below);
  while (directory.fits()) {
    CgroupMemory level;
    if (readLevel(directory, version, &level) && (!best.known || roomOf(level) < roomOf(best))) {
      best = level;
      if (usage != nullptr) std::strcpy(usage->path, directory.text());
    }
    std::size_t size = directory.size();
    if (size <= root) break;
    while (size > root && directory.text()[size - 1] != '/') --size;
    directory.cutTo(size > root ? size - 1 : root);
  }
  return best;
}

CgroupMemory readAtUsualPlaces(const CgroupPlaces& places, const Group& group, CgroupFile* usage) noexcept {
  if (group.version == 1) return readBelow(places.mountV1, group.path, 1, usage);
  const CgroupMemory found = readBelow(places.mountV2, group.path, 2, usage);
  return found.known ? found : readBelow(places.mountV2Beside, group.path, 2, usage);
}

CgroupMemory readWhereMounted(const CgroupPlaces& places, const Group& group, CgroupFile* usage) noexcept {
  CgroupMemory found;
  eachLine(places.mounts, [&](const char* line) {
    char mount[kPathBytes];
    const char* below = nullptr;
    if (cgroupMountOf(line, group.version, group.path, mount, sizeof mount, &below))
      found = readBelow(mount, below, group.version, usage);
    return found.known;
  });
  return found;
}

}  // namespace

CgroupMemory readCgroupMemory(const CgroupPlaces& places, CgroupFile* usage) noexcept {
  const Group group = ownGroup(places);
  if (group.version == 0) return {};
  CgroupMemory found = readAtUsualPlaces(places, group, usage);
  if (!found.known) found = readWhereMounted(places, group, usage);
  if (usage != nullptr && found.known) {
    Path file(usage->path);
    file.add(found.version == 1 ? "/memory.usage_in_bytes" : "/memory.current");
    std::strcpy(usage->path, file.fits() ? file.text() : "");
  }
  return found;
}

bool readMemoryStallMicros(std::uint64_t* out, const CgroupPlaces& places) noexcept {
  char text[512];
  const Group group = ownGroup(places);
  if (group.version == 2) {
    for (const char* mount : {places.mountV2, places.mountV2Beside}) {
      Path path(mount);
      path.add(group.path).add("/memory.pressure");
      if (path.fits() && readText(path.text(), text, sizeof text)) return numberBehind(text, "total=", out);
    }
  }
  return readText(places.pressure, text, sizeof text) && numberBehind(text, "total=", out);
}

bool memoryIsScarce(const CgroupPlaces& places) noexcept {
  const CgroupMemory group = readCgroupMemory(places);
  const std::uint64_t limit = group.nearestBytes();
  if (group.known && limit != kNoLimit && group.usageBytes >= limit - limit / 8) return true;
  std::uint64_t total = 0, available = 0;
  bool known = false;
  eachLine(places.machine, [&](const char* line) {
    numberBehind(line, "MemTotal:", &total);
    known = numberBehind(line, "MemAvailable:", &available);
    return known;
  });
  return !known || available < total / 8;
}

}  // namespace heapprof::os

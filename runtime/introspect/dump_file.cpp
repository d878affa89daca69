#include "runtime/introspect/dump_file.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/errno_keeper.h"
#include "runtime/base/fatal.h"
#include "runtime/base/in_child.h"
#include "runtime/config/options.h"
#include "runtime/introspect/dump.h"
#include "runtime/introspect/dump_lock.h"
#include "runtime/introspect/dump_name.h"
#include "runtime/introspect/file_sink.h"
#include "runtime/introspect/proc_self.h"
#include "runtime/introspect/text.h"
#include "runtime/os/os.h"

namespace heapprof::introspect {
namespace {

constexpr std::size_t kNameBytes = 1024;
constexpr std::size_t kFileBufferBytes = 131072;
constexpr std::uint32_t kOwnerOnly = 0600;
constexpr std::uint64_t kMaxNumbers = 100000;

// The temporary name while a file is being written; read by abandonFile() in a handler.
constinit char fileInProgress[kNameBytes + 8] = "";
constinit std::atomic<bool> inProgress{false};

struct Names {
  char finalName[kNameBytes];
  char temporary[kNameBytes + 8];

  bool set(const char* name) noexcept {
    Text text(finalName, sizeof finalName);
    text.add(name);
    Text(temporary, sizeof temporary).add(name).add(".tmp");
    return !text.truncated();
  }
};

int writeThrough(DumpLock& lock, int fd, Reason reason, bool* closeIt) noexcept {
  auto* buffer = lock.memory().takeArray<unsigned char>(kFileBufferBytes);
  if (buffer == nullptr) {
    return ENOMEM;
  }
  const WriteSignalShield shield;
  FileSink file(fd, buffer, kFileBufferBytes);
  const bool written = writeDump(lock.memory(), file.sink(), reason, lock.nextSequence());
  const int error = written ? 0 : errno;
  if (written && file.flush()) {
    return 0;
  }
  *closeIt = file.stillOurs();
  return file.error() != 0 ? file.error() : (error != 0 ? error : EIO);
}

// Creates, writes and closes the temporary file. On failure nothing of it is left.
int writeTemporary(DumpLock& lock, const Names& names, Reason reason) noexcept {
  const int fd = os::calls().createNew(names.temporary, kOwnerOnly);
  if (fd < 0) {
    return errno;
  }
  std::memcpy(fileInProgress, names.temporary, sizeof names.temporary);
  inProgress.store(true, std::memory_order_release);
  bool closeIt = true;
  int error = writeThrough(lock, fd, reason, &closeIt);
  if (closeIt && !os::calls().close(fd) && error == 0) {
    error = errno;
  }
  if (error != 0) {
    os::calls().unlink(names.temporary);
    inProgress.store(false, std::memory_order_release);
  }
  return error;
}

int giveName(const Names& names, const char* temporary) noexcept {
  return os::calls().renameNoReplace(temporary, names.finalName) ? 0 : errno;
}

void finishFile(const char* temporary, int error) noexcept {
  if (error != 0) {
    os::calls().unlink(temporary);
  }
  inProgress.store(false, std::memory_order_release);
}

// keep=N: what this process wrote under the template and has not deleted, oldest first.
struct Kept {
  std::uint64_t number, seconds;  // the name, with the template
  std::uint64_t device, inode;    // a name may be another's file by now
};
constinit Kept kept[config::kMostKept + 1];  // guarded by the dump lock
constinit std::size_t keptCount = 0;

// Deletes the oldest file where it is still ours; one that was renamed or replaced is let be.
void dropOldest(const NameParts& parts, char* name) noexcept {
  const Kept oldest = kept[0];
  std::memmove(kept, kept + 1, --keptCount * sizeof kept[0]);
  NameParts then = parts;
  then.seconds = oldest.seconds;
  Text text(name, kNameBytes);
  struct stat info;
  if (expandName(config::options().path, then, oldest.number, &text) && lstat(name, &info) == 0 &&
      S_ISREG(info.st_mode) && info.st_dev == oldest.device && info.st_ino == oldest.inode)
    os::calls().unlink(name);
}

// `names` holds the file just written; its temporary name is used up.
void keepNewest(const NameParts& parts, std::uint64_t number, Names& names) noexcept {
  const std::uint32_t keep = config::options().keep;
  struct stat info;
  if (keep == 0 || lstat(names.finalName, &info) != 0) return;
  kept[keptCount++] = {number, parts.seconds, info.st_dev, info.st_ino};
  while (keptCount > keep) dropOldest(parts, names.temporary);
}

bool taken(const Names& names) noexcept {
  return access(names.finalName, F_OK) == 0 || access(names.temporary, F_OK) == 0;
}

// Finds a free name, writes, and renames; a name that is taken meanwhile makes the number rise.
int dumpUnderTemplate(DumpLock& lock, Reason reason, Names& names) noexcept {
  char program[256];
  char host[256];
  const NameParts parts = namePartsOfThisProcess(program, host);
  const char* pattern = config::options().path;
  char temporary[sizeof names.temporary] = "";
  for (std::uint64_t number = lock.nextSequence(); number < kMaxNumbers; ++number) {
    Text text(names.finalName, sizeof names.finalName);
    if (!expandName(pattern, parts, number, &text)) {
      return ENAMETOOLONG;
    }
    Text(names.temporary, sizeof names.temporary).add(names.finalName).add(".tmp");
    if (taken(names)) {
      continue;
    }
    int error = 0;
    if (temporary[0] == '\0') {
      error = writeTemporary(lock, names, reason);
      if (error == EEXIST) {
        continue;  // another process was quicker with the temporary name
      }
      if (error != 0) {
        return error;
      }
      std::memcpy(temporary, names.temporary, sizeof temporary);
    }
    error = giveName(names, temporary);
    if (error != EEXIST) {
      finishFile(temporary, error);
      if (error == 0) keepNewest(parts, number, names);
      return error;
    }
  }
  finishFile(temporary, EEXIST);
  return EEXIST;
}

}  // namespace

int dumpToTemplate(Reason reason) noexcept {
  const base::ErrnoKeeper keeper;
  if (!isOwnProcess()) {
    return ECANCELED;
  }
  DumpLock lock;
  if (!lock.held()) {
    return EBUSY;
  }
  auto* names = lock.memory().takeArray<Names>(1);
  if (names == nullptr) {
    base::logLine("no dump: out of memory");
    return ENOMEM;
  }
  const int error = dumpUnderTemplate(lock, reason, *names);
  if (error == 0) {
    lock.countWritten();
  } else {
    base::logLine("cannot write the dump ", names->finalName, ": ", errorText(error));
  }
  return error;
}

int dumpToPath(const char* path, Reason reason) noexcept {
  const base::ErrnoKeeper keeper;
  if (!isOwnProcess()) {
    return ECANCELED;
  }
  DumpLock lock;
  if (!lock.held()) {
    return EBUSY;
  }
  auto* names = lock.memory().takeArray<Names>(1);
  if (names == nullptr) {
    return ENOMEM;
  }
  if (!names->set(path)) {
    return ENAMETOOLONG;
  }
  if (access(names->finalName, F_OK) == 0) {
    return EEXIST;
  }
  int error = writeTemporary(lock, *names, reason);
  if (error != 0) {
    return error;
  }
  error = giveName(*names, names->temporary);
  finishFile(names->temporary, error);
  if (error == 0) {
    lock.countWritten();
  }
  return error;
}

int dumpToFd(int fd, Reason reason) noexcept {
  const base::ErrnoKeeper keeper;
  if (!isOwnProcess()) {
    return ECANCELED;
  }
  DumpLock lock;
  if (!lock.held()) {
    return EBUSY;
  }
  bool ignored = false;
  const int error = writeThrough(lock, fd, reason, &ignored);
  if (error == 0) {
    lock.countWritten();
  }
  return error;
}

void abandonFile() noexcept {
  if (inProgress.exchange(false, std::memory_order_acquire)) {
    os::calls().unlink(fileInProgress);
  }
}

void forgetFileInProgress() noexcept {
  base::setInChild(keptCount, 0);  // the parent's
  base::setInChild(inProgress, false);
}

}  // namespace heapprof::introspect

#include "runtime/introspect/build_id.h"

#include <cerrno>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/os/os.h"

namespace heapprof::introspect {
namespace {

constexpr std::size_t kMaxHeaders = 64;
constexpr std::size_t kMaxNoteBytes = 2048;

bool readThroughProc(std::uintptr_t address, void* out, std::size_t bytes) noexcept {
  const int fd = os::calls().openRead("/proc/self/mem");
  if (fd < 0) {
    return false;
  }
  const ssize_t got = pread(fd, out, bytes, static_cast<off_t>(address));
  os::calls().close(fd);
  return got == static_cast<ssize_t>(bytes);
}

// Notes: {name size, descriptor size, type} name padded to 4, descriptor padded to 4.
bool findId(const unsigned char* notes, std::size_t size, char* out) noexcept {
  std::size_t at = 0;
  while (at + sizeof(ElfW(Nhdr)) <= size) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes + at, sizeof note);
    const std::size_t name = at + sizeof note;
    const std::size_t descriptor = name + (std::size_t{note.n_namesz} + 3) / 4 * 4;
    const std::size_t end = descriptor + note.n_descsz;
    if (end > size) {
      return false;
    }
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(notes + name, "GNU", 4) == 0 &&
        note.n_descsz <= (kBuildIdHexBytes - 1) / 2) {
      for (std::size_t i = 0; i < note.n_descsz; ++i) {
        out[2 * i] = "0123456789abcdef"[notes[descriptor + i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[notes[descriptor + i] & 15];
      }
      out[2 * std::size_t{note.n_descsz}] = '\0';
      return true;
    }
    at = descriptor + (std::size_t{note.n_descsz} + 3) / 4 * 4;
  }
  return false;
}

}  // namespace

bool readOwnMemory(std::uintptr_t address, void* out, std::size_t bytes) noexcept {
  iovec local{out, bytes};
  iovec remote{reinterpret_cast<void*>(address), bytes};
  const ssize_t got = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
  if (got == static_cast<ssize_t>(bytes)) {
    return true;
  }
  // Sandboxes often forbid the call; /proc/self/mem is another way in.
  return got < 0 && errno != EFAULT && readThroughProc(address, out, bytes);
}

void readBuildId(std::uintptr_t header, char out[kBuildIdHexBytes]) noexcept {
  out[0] = '\0';
  ElfW(Ehdr) elf;
  if (!readOwnMemory(header, &elf, sizeof elf) || std::memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 ||
      elf.e_phentsize != sizeof(ElfW(Phdr)) || elf.e_phnum > kMaxHeaders) {
    return;
  }
  // In one call: each takes the lock of the address space.
  ElfW(Phdr) segments[kMaxHeaders];
  if (!readOwnMemory(header + elf.e_phoff, segments, elf.e_phnum * sizeof segments[0])) {
    return;
  }
  std::uintptr_t bias = 0;
  bool haveBias = false;
  for (std::size_t i = 0; i < elf.e_phnum; ++i) {
    if (segments[i].p_type == PT_LOAD && segments[i].p_offset == 0 && segments[i].p_filesz != 0) {
      bias = header - segments[i].p_vaddr;
      haveBias = true;
    }
  }
  for (std::size_t i = 0; haveBias && i < elf.e_phnum; ++i) {
    if (segments[i].p_type != PT_NOTE) {
      continue;
    }
    unsigned char notes[kMaxNoteBytes];
    const std::size_t size = segments[i].p_filesz < sizeof notes ? segments[i].p_filesz : sizeof notes;
    if (readOwnMemory(bias + segments[i].p_vaddr, notes, size) && findId(notes, size, out)) {
      return;
    }
    out[0] = '\0';
  }
}

}  // namespace heapprof::introspect

// Address -> location id, so that each address is one pprof location in a dump. Open addressing in dump
// memory; grows by doubling.
//
// Invariant: ids rise from 1 without gaps, in the order in which they were handed out. A table that cannot
// grow hands out new ids without remembering them: the dump is then larger, never wrong. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/introspect/dump_memory.h"

namespace heapprof::introspect {

class LocationTable {
 public:
  explicit LocationTable(DumpMemory& memory) noexcept : memory_(memory) {}
  // The id of `address`; *fresh says that it was not known, so the caller writes the location.
  std::uint64_t intern(std::uintptr_t address, bool* fresh) noexcept;
  std::uint64_t takeId() noexcept { return ++last_; }  // for locations without an address

 private:
  struct Slot {
    std::uintptr_t address;
    std::uint64_t id;  // 0: empty
  };
  static constexpr std::size_t kFirstSlots = 4096;
  static constexpr std::size_t kMaxSlots = std::size_t{1} << 21;
  bool makeRoom() noexcept;
  Slot* find(std::uintptr_t address) const noexcept;

  DumpMemory& memory_;
  Slot* slots_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace heapprof::introspect

// The stacks of a profile while its samples are read: a list of location ids, in the bytes of the file, is
// kept once however many samples have it, and becomes rows at the end.
//
//   block    row 4 bytes | size 4 bytes | ids as varints | row | size | ids | ...     a list lies in one
//   block slots_   {hash, block, offset} a stack, at its hash or behind; a power of two of them, half or more
//   free
//
// A sample looks at a slot and at a list, which no cache holds: both can be asked for ahead, hence a table of
// our own.
// Invariant: lists that differ never share a row. Equal ids in other bytes (a varint may be padded) have a
// row of their own: that costs memory alone. The caller has checked that the bytes are whole varints. One
// read; one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

#include "formats/pprof/id_table.h"
#include "formats/pprof/profile_columns.h"

namespace heapprof::formats {

class StackTable {
 public:
  // What a stack takes here besides its bytes and its locations: slot, head, the boundary of its row.
  static constexpr std::uint64_t kStackBytes = 40;

  struct Key {
    Key() = default;
    explicit Key(absl::string_view list);
    absl::string_view ids;
    std::uint32_t hash = 0;
  };

  // What find() will look at, to be asked of memory ahead: a slot, then the list that it leads to, if any.
  // Addresses, as g++ drops calls of functions that do nothing but prefetch.
  const void* slotOf(const Key& key) const { return &slots_[key.hash & mask()]; }
  const char* listOf(const Key& key) const {
    std::size_t i = key.hash & mask();
    while (slots_[i].block != kFree && slots_[i].hash != key.hash) {
      i = (i + 1) & mask();
    }
    return slots_[i].block == kFree ? nullptr : headOf(slots_[i]);
  }
  // kNoRow: it has not come yet.
  Row find(const Key& key) const;
  // Takes one that find() did not find.
  Row add(const Key& key, std::size_t locations);

  // All stacks as rows of locations into `out`, and their bytes let go on the way. Where no location has an
  // id: the stack that names it, with the id in `missing`, and `out` is worthless. Else kNoRow.
  Row resolve(const IdTable& locations, StackColumns* out, std::uint64_t* missing);

 private:
  static constexpr std::size_t kFewestSlots = 256;
  static constexpr std::uint32_t kFree = 0xffffffffu;
  struct Slot {
    std::uint32_t hash = 0, block = kFree, offset = 0;
  };
  struct Stack {
    Row row;
    absl::string_view ids;
  };

  std::size_t mask() const { return slots_.size() - 1; }
  void put(const Slot& slot);
  const char* headOf(const Slot& slot) const { return blocks_[slot.block].data() + slot.offset; }
  static Stack stackAt(const char* head);

  std::vector<std::vector<char>> blocks_;
  std::vector<Slot> slots_ = std::vector<Slot>(kFewestSlots);
  Row rows_ = 0;
  std::uint64_t locations_ = 0;
};

}  // namespace heapprof::formats

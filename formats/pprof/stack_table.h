// The stacks of a profile while its samples are read: a list of location ids, in the bytes of the file, is
// kept once however many samples have it, and becomes rows at the end.
//
//   block     size 4 bytes | ids as varints | size | ids | ...       a list lies in one block
//   entries_  {hash, block, offset} a stack, in the order in which they came
//
// Invariant: lists that differ never share a row. Equal ids in other bytes (a varint may be padded) have a
// row of their own: that costs memory alone. The caller has checked that the bytes are whole varints. One
// read; one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"

#include "formats/pprof/id_table.h"
#include "formats/pprof/profile_columns.h"

namespace heapprof::formats {

class StackTable {
 public:
  // What a stack takes here besides its bytes and its locations: entry, slot, the boundary of its row.
  static constexpr std::uint64_t kStackBytes = 40;

  struct Key {
    explicit Key(absl::string_view list);
    absl::string_view ids;
    std::uint64_t hash;
  };

  StackTable() : rows_(0, Hash{this}, Equal{this}) {}
  StackTable(const StackTable&) = delete;
  StackTable& operator=(const StackTable&) = delete;

  // kNoRow: it has not come yet.
  Row find(const Key& key) const {
    const auto found = rows_.find(key);
    return found == rows_.end() ? kNoRow : *found;
  }
  // Takes one that find() did not find.
  Row add(const Key& key, std::size_t locations);

  // All stacks as rows of locations into `out`, and their bytes let go on the way. Where no location has an
  // id: the stack that names it, with the id in `missing`, and `out` is worthless. Else kNoRow.
  Row resolve(const IdTable& locations, StackColumns* out, std::uint64_t* missing);

 private:
  struct Entry {
    std::uint64_t hash;
    std::uint32_t block, offset;
  };
  struct Hash {
    using is_transparent = void;
    const StackTable* table;
    std::size_t operator()(Row row) const { return static_cast<std::size_t>(table->entries_[row].hash); }
    std::size_t operator()(const Key& key) const { return static_cast<std::size_t>(key.hash); }
  };
  struct Equal {
    using is_transparent = void;
    const StackTable* table;
    bool operator()(Row a, Row b) const { return a == b; }
    bool operator()(Row row, const Key& key) const {
      const Entry& entry = table->entries_[row];
      return entry.hash == key.hash && table->idsOf(entry) == key.ids;
    }
  };

  absl::string_view idsOf(const Entry& entry) const;

  std::vector<std::vector<char>> blocks_;
  std::vector<Entry> entries_;
  absl::flat_hash_set<Row, Hash, Equal> rows_;
  std::uint64_t locations_ = 0;
};

}  // namespace heapprof::formats

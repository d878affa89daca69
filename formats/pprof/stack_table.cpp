#include "formats/pprof/stack_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/hash/hash.h"

#include "formats/pprof/field_cursor.h"

namespace heapprof::formats {
namespace {

// After the first, above what glibc ever takes from its heap (32 MiB): given back to the system when let go,
// before the rows of the next are there. What is not written to costs nothing.
constexpr std::size_t kFirstBlockBytes = 1 << 20;
constexpr std::size_t kBlockBytes = 33 << 20;

struct Head {
  Row row;
  std::uint32_t size;
};

}  // namespace

StackTable::Key::Key(absl::string_view list)
    : ids(list), hash(static_cast<std::uint32_t>(absl::HashOf(list))) {}

StackTable::Stack StackTable::stackAt(const char* at) {
  Head head;
  std::memcpy(&head, at, sizeof head);
  return {head.row, absl::string_view(at + sizeof head, head.size)};
}

Row StackTable::find(const Key& key) const {
  for (std::size_t i = key.hash & mask(); slots_[i].block != kFree; i = (i + 1) & mask()) {
    if (slots_[i].hash != key.hash) {
      continue;
    }
    const Stack stack = stackAt(headOf(slots_[i]));
    if (stack.ids == key.ids) {
      return stack.row;
    }
  }
  return kNoRow;
}

void StackTable::put(const Slot& slot) {
  std::size_t i = slot.hash & mask();
  while (slots_[i].block != kFree) {
    i = (i + 1) & mask();
  }
  slots_[i] = slot;
}

Row StackTable::add(const Key& key, std::size_t locations) {
  const Head head{rows_, static_cast<std::uint32_t>(key.ids.size())};
  const std::size_t wanted = sizeof head + key.ids.size();
  if (blocks_.empty() || blocks_.back().capacity() - blocks_.back().size() < wanted) {
    blocks_.emplace_back().reserve(std::max(blocks_.size() == 1 ? kFirstBlockBytes : kBlockBytes, wanted));
  }
  std::vector<char>& block = blocks_.back();
  const std::size_t offset = block.size();
  block.resize(offset + wanted);
  std::memcpy(block.data() + offset, &head, sizeof head);
  std::copy(key.ids.begin(), key.ids.end(), block.data() + offset + sizeof head);
  if (2 * (rows_ + std::size_t{1}) > slots_.size()) {
    const std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
    for (const Slot& slot : before) {
      if (slot.block != kFree) {
        put(slot);
      }
    }
  }
  put({key.hash, static_cast<std::uint32_t>(blocks_.size() - 1), static_cast<std::uint32_t>(offset)});
  locations_ += locations;
  return rows_++;
}

Row StackTable::resolve(const IdTable& locations, StackColumns* out, std::uint64_t* missing) {
  slots_ = std::vector<Slot>(kFewestSlots);
  out->locationBegin.reserve(rows_ + std::size_t{1});
  out->locations.reserve(static_cast<std::size_t>(locations_));
  for (std::vector<char>& block : blocks_) {
    const char* const end = block.data() + block.size();
    for (const char* head = block.data(); head != end;) {
      const Stack stack = stackAt(head);
      const auto* ids = reinterpret_cast<const std::uint8_t*>(stack.ids.data());
      for (FieldCursor cursor(ids, ids + stack.ids.size()); !cursor.atEnd();) {
        std::uint64_t id = 0;
        cursor.mixedVarint(&id);
        const Row row = locations.rowOfId(id);
        if (row == kNoRow) {
          *missing = id;
          return stack.row;
        }
        out->locations.push_back(row);
      }
      out->locationBegin.push_back(out->locations.size());
      head = stack.ids.data() + stack.ids.size();
    }
    std::vector<char>().swap(block);
  }
  return kNoRow;
}

}  // namespace heapprof::formats

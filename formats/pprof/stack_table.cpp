#include "formats/pprof/stack_table.h"

#include <algorithm>
#include <cstring>

#include "absl/hash/hash.h"

namespace heapprof::formats {
namespace {

constexpr std::size_t kBlockBytes = 1 << 20;
constexpr std::size_t kSizeBytes = sizeof(std::uint32_t);

}  // namespace

StackTable::Key::Key(absl::string_view list) : ids(list), hash(absl::HashOf(list)) {}

absl::string_view StackTable::idsOf(const Entry& entry) const {
  const char* at = blocks_[entry.block].data() + entry.offset;
  std::uint32_t size = 0;
  std::memcpy(&size, at, kSizeBytes);
  return absl::string_view(at + kSizeBytes, size);
}

Row StackTable::add(const Key& key, std::size_t locations) {
  const std::size_t wanted = kSizeBytes + key.ids.size();
  if (blocks_.empty() || blocks_.back().capacity() - blocks_.back().size() < wanted) {
    blocks_.emplace_back().reserve(std::max(kBlockBytes, wanted));
  }
  std::vector<char>& block = blocks_.back();
  const auto size = static_cast<std::uint32_t>(key.ids.size());
  char sizeBytes[kSizeBytes];
  std::memcpy(sizeBytes, &size, kSizeBytes);
  const auto row = static_cast<Row>(entries_.size());
  entries_.push_back(
      {key.hash, static_cast<std::uint32_t>(blocks_.size() - 1), static_cast<std::uint32_t>(block.size())});
  block.insert(block.end(), sizeBytes, sizeBytes + kSizeBytes);
  block.insert(block.end(), key.ids.begin(), key.ids.end());
  rows_.insert(row);
  locations_ += locations;
  return row;
}

Row StackTable::resolve(const IdTable& locations, StackColumns* out, std::uint64_t* missing) {
  rows_.clear();
  out->locationBegin.reserve(entries_.size() + 1);
  out->locations.reserve(static_cast<std::size_t>(locations_));
  for (std::size_t stack = 0; stack < entries_.size(); ++stack) {
    const Entry& entry = entries_[stack];
    if (entry.offset == 0 && entry.block != 0) {
      std::vector<char>().swap(blocks_[entry.block - 1]);
    }
    std::uint64_t id = 0;
    unsigned shift = 0;
    for (const char byte : idsOf(entry)) {
      id |= (static_cast<std::uint64_t>(byte) & 0x7f) << shift;
      shift += 7;
      if (byte < 0) {
        continue;
      }
      const Row row = locations.rowOfId(id);
      if (row == kNoRow) {
        *missing = id;
        return static_cast<Row>(stack);
      }
      out->locations.push_back(row);
      id = shift = 0;
    }
    out->locationBegin.push_back(out->locations.size());
  }
  return kNoRow;
}

}  // namespace heapprof::formats

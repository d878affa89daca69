#include "runtime/introspect/mapping_table.h"

#include <cstring>
#include <sys/auxv.h>

#include "runtime/introspect/build_id.h"
#include "runtime/introspect/memory_map.h"

namespace heapprof::introspect {

// The file's first bytes are usually in a read-only mapping just before the executable one.
struct MappingTable::Loader {
  MappingTable* table;
  DumpMemory* memory;
  std::size_t capacity;
  std::uintptr_t header = 0;
  std::uint64_t headerDevice = 0;
  std::uint64_t headerInode = 0;

  static void count(void* context, const MapEntry& entry) {
    if (entry.executable) {
      ++*static_cast<std::size_t*>(context);
    }
  }

  static void add(void* context, const MapEntry& entry) {
    auto& loader = *static_cast<Loader*>(context);
    if (entry.offset == 0) {
      loader.header = entry.start;
      loader.headerDevice = entry.device;
      loader.headerInode = entry.inode;
    }
    if (entry.executable && loader.table->size_ < loader.capacity) {
      loader.addRow(entry);
    }
  }

  void addRow(const MapEntry& entry) {
    const std::size_t length = std::strlen(entry.name) + 1;
    auto* name = static_cast<char*>(memory->take(length + kBuildIdHexBytes));
    if (name == nullptr) {
      return;
    }
    std::memcpy(name, entry.name, length);
    char* id = name + length;
    const bool sameFile = headerDevice == entry.device && headerInode == entry.inode;
    const bool image = entry.inode != 0 || std::strcmp(name, "[vdso]") == 0;
    if (entry.readable && image && header != 0 && sameFile) {
      readBuildId(header, id);
    }
    table->rows_[table->size_++] = MappingRow{entry.start, entry.end, entry.offset, name, id, 0};
  }
};

bool MappingTable::load(DumpMemory& memory) noexcept {
  auto* buffer = memory.takeArray<char>(kMapBufferBytes);
  std::size_t found = 0;
  if (buffer == nullptr || !forEachMapEntry(buffer, Loader::count, &found)) {
    return false;
  }
  std::size_t capacity = found + 64;  // the program may load more between the passes
  capacity = capacity < kMaxMappings ? capacity : kMaxMappings;
  rows_ = memory.takeArray<MappingRow>(capacity);
  if (rows_ == nullptr) {
    return false;
  }
  Loader loader{this, &memory, capacity};
  if (!forEachMapEntry(buffer, Loader::add, &loader)) {
    size_ = 0;
    return false;
  }
  const auto entry = static_cast<std::uintptr_t>(getauxval(AT_ENTRY));
  for (std::size_t i = 0; i < size_; ++i) {
    if (entry >= rows_[i].start && entry < rows_[i].limit) {
      main_ = i;
    }
  }
  for (std::size_t i = 0; i < size_; ++i) {
    rows_[i].id = i == main_ ? 1 : (i < main_ ? i + 2 : i + 1);
  }
  return true;
}

std::uint64_t MappingTable::find(std::uintptr_t address) const noexcept {
  std::size_t low = 0;
  std::size_t high = size_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (rows_[middle].limit <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < size_ && rows_[low].start <= address ? rows_[low].id : 0;
}

const MappingRow& MappingTable::inOrderOfId(std::size_t i) const noexcept {
  if (i == 0) {
    return rows_[main_];
  }
  return rows_[i <= main_ ? i - 1 : i];
}

}  // namespace heapprof::introspect

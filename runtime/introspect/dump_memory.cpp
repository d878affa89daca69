#include "runtime/introspect/dump_memory.h"

#include <cstring>

#include "runtime/meta/meta_memory.h"
#include "runtime/os/os.h"

namespace heapprof::introspect {
namespace {

constexpr std::size_t kSmallestBlock = std::size_t{1} << 20;

constexpr std::size_t roundUp(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

void DumpMemory::begin() noexcept {
  for (std::size_t i = 0; i < blockCount_; ++i) {
    blocks_[i].used = 0;
  }
}

void DumpMemory::end() noexcept {
  for (std::size_t i = 0; i < blockCount_; ++i) {
    if (blocks_[i].used != 0) {
      os::calls().discard(blocks_[i].start, blocks_[i].bytes);
    }
  }
}

void* DumpMemory::take(std::size_t bytes) noexcept {
  if (bytes > kMaxBytes) {
    return nullptr;
  }
  bytes = roundUp(bytes, 64);
  std::size_t i = 0;
  while (i < blockCount_ && blocks_[i].bytes - blocks_[i].used < bytes) {
    ++i;
  }
  if (i == blockCount_) {
    const std::size_t page = os::geometry().pageBytes;
    const std::size_t want = roundUp(bytes < kSmallestBlock ? kSmallestBlock : bytes, page);
    if (blockCount_ == kMaxBlocks || mapped_ + want > kMaxBytes) {
      return nullptr;
    }
    auto* start = static_cast<unsigned char*>(meta::allocate(meta::Purpose::kDump, want, page));
    if (start == nullptr) {
      return nullptr;
    }
    blocks_[blockCount_++] = Block{start, want, 0};
    mapped_ += want;
  }
  unsigned char* out = blocks_[i].start + blocks_[i].used;
  blocks_[i].used += bytes;
  // Writing also undoes a discard() that the kernel refused, so the memory is zero in every case.
  std::memset(out, 0, bytes);
  return out;
}

}  // namespace heapprof::introspect

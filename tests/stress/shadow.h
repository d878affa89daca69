// The oracle: what a block must contain, and where blocks may lie.
//
// Invariant: a Block's bytes were written by fill() from its address, size and nonce, at positions that
// depend on its size alone: all of a small block; head, tail and a word per stride of a large one. So a block
// that was handed out twice, moved wrongly or zeroed is noticed when it is next looked at. A Block has one
// holder; a SpanMap belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "runtime/base/random.h"

namespace heapprof::stress {

enum class Kind : std::uint8_t { kMalloc, kAligned, kNew, kNewArray, kNewAligned };

struct Block {
  unsigned char* start = nullptr;
  std::size_t bytes = 0;
  std::size_t alignment = 1;
  std::uint64_t nonce = 0;
  Kind kind = Kind::kMalloc;
};

void fill(const Block& block) noexcept;

// True when the positions below `limit` are as fill() left them in `block`, which may meanwhile lie elsewhere
// (`at`).
bool intact(const Block& block, const unsigned char* at, std::size_t limit) noexcept;
inline bool intact(const Block& block) noexcept {
  return intact(block, block.start, block.bytes);
}

// True when the same positions are all zero.
bool isZeroed(const unsigned char* start, std::size_t bytes) noexcept;

// [0, largest], as likely in each octave as in the next.
std::size_t logUniform(base::Random& random, std::size_t largest) noexcept;

// Spans of address space that do not overlap.
class SpanMap {
 public:
  bool add(const void* start, std::size_t bytes);  // false when it overlaps one that is there
  bool remove(const void* start);                  // false when none starts there

 private:
  std::map<std::uintptr_t, std::uintptr_t> ends_;
};

}  // namespace heapprof::stress

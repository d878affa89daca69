#include "tests/stress/shadow.h"

#include <cmath>
#include <cstring>

#include "tests/conformance/support.h"

namespace heapprof::stress {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);
constexpr std::size_t kWholeBytes = 4096;  // up to here every byte is written and looked at
constexpr std::size_t kEdgeBytes = 1024;   // beyond it: this much at each end
constexpr std::size_t kStride = 16384;     // and one word per stride

std::uint64_t wordAt(std::uint64_t key, std::size_t index) noexcept {
  std::uint64_t z = key + index * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 31)) * 0xbf58476d1ce4e5b9u;
  return z ^ (z >> 29);
}

std::uint64_t keyOf(const Block& block) noexcept {
  return reinterpret_cast<std::uintptr_t>(block.start) * 0x94d049bb133111ebu ^ (block.bytes << 1) ^
         block.nonce;
}

// Calls visit(index of word, offset, bytes) for each watched word of a block of `bytes`; stops when it gives
// false.
template <typename Visit>
HEAPPROF_TEST_UNWATCHED bool forEachWord(std::size_t bytes, Visit visit) noexcept {
  const auto run = [&](std::size_t from, std::size_t to) {
    for (std::size_t offset = from; offset < to; offset += kWord) {
      if (!visit(offset / kWord, offset, to - offset < kWord ? to - offset : kWord)) return false;
    }
    return true;
  };
  if (bytes <= kWholeBytes) return run(0, bytes);
  if (!run(0, kEdgeBytes)) return false;
  for (std::size_t offset = kStride; offset + kEdgeBytes + kWord < bytes; offset += kStride) {
    if (!visit(offset / kWord, offset, kWord)) return false;
  }
  return run((bytes - kEdgeBytes) / kWord * kWord, bytes);
}

}  // namespace

HEAPPROF_TEST_UNWATCHED void fill(const Block& block) noexcept {
  const std::uint64_t key = keyOf(block);
  forEachWord(block.bytes, [&](std::size_t index, std::size_t offset, std::size_t n) {
    const std::uint64_t word = wordAt(key, index);
    std::memcpy(block.start + offset, &word, n);
    return true;
  });
}

HEAPPROF_TEST_UNWATCHED bool intact(const Block& block, const unsigned char* at, std::size_t limit) noexcept {
  const std::uint64_t key = keyOf(block);
  return forEachWord(block.bytes, [&](std::size_t index, std::size_t offset, std::size_t n) {
    if (offset >= limit) return true;
    const std::size_t seen = limit - offset < n ? limit - offset : n;
    const std::uint64_t word = wordAt(key, index);
    return std::memcmp(at + offset, &word, seen) == 0;
  });
}

HEAPPROF_TEST_UNWATCHED bool isZeroed(const unsigned char* start, std::size_t bytes) noexcept {
  return forEachWord(bytes, [&](std::size_t, std::size_t offset, std::size_t n) {
    constexpr std::uint64_t kZero = 0;
    return std::memcmp(start + offset, &kZero, n) == 0;
  });
}

std::size_t logUniform(base::Random& random, std::size_t largest) noexcept {
  const double u = 1.0 - random.unit();  // [0, 1)
  return static_cast<std::size_t>(std::exp2(u * std::log2(static_cast<double>(largest) + 2.0))) - 1;
}

bool SpanMap::add(const void* start, std::size_t bytes) {
  const auto from = reinterpret_cast<std::uintptr_t>(start);
  const std::uintptr_t to = from + (bytes == 0 ? 1 : bytes);
  const auto next = ends_.lower_bound(from);
  if (next != ends_.end() && next->first < to) return false;
  if (next != ends_.begin() && std::prev(next)->second > from) return false;
  ends_.emplace_hint(next, from, to);
  return true;
}

bool SpanMap::remove(const void* start) {
  return ends_.erase(reinterpret_cast<std::uintptr_t>(start)) == 1;
}

}  // namespace heapprof::stress

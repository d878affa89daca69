// Small helpers of the contract tests: what a failed allocation must look like, sizes worth trying, patterns.
// Stateless but for the family; any thread.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

#include "tests/conformance/family.h"

namespace heapprof::conformance {

inline constexpr std::size_t kPtrdiffMax = SIZE_MAX / 2;

// Hides a value from the optimiser, which would otherwise warn about, or fold, impossible sizes.
template <typename T>
T opaque(T value) noexcept {
  asm volatile("" : "+r"(value));
  return value;
}

inline bool isAligned(const void* pointer, std::size_t alignment) noexcept {
  return reinterpret_cast<std::uintptr_t>(pointer) % alignment == 0;
}

// What C asks of malloc: fit for every object that fits the size. (A type of 8 bytes never needs 16.)
inline std::size_t naturalAlignment(std::size_t bytes) noexcept {
  return bytes > 8 ? 16 : 8;
}

// Every size to 1 KiB, the neighbours of each power of two to 64 MiB, and of three quarters of it.
inline std::vector<std::size_t> interestingSizes(std::size_t largest) {
  std::vector<std::size_t> sizes;
  for (std::size_t n = 0; n <= 1024 && n <= largest; n++) sizes.push_back(n);
  for (std::size_t power = 2048; power <= largest; power *= 2) {
    for (std::size_t base : {power / 4 * 3, power}) {
      for (std::size_t n : {base - 1, base, base + 1}) {
        if (n <= largest) sizes.push_back(n);
      }
    }
  }
  return sizes;
}

// Patterns are ours alone, so sanitizers need not watch each byte.
#define HEAPPROF_TEST_UNWATCHED __attribute__((no_sanitize("thread", "address", "undefined")))

HEAPPROF_TEST_UNWATCHED inline void fill(void* pointer, std::size_t bytes, unsigned seed) noexcept {
  auto* p = static_cast<unsigned char*>(pointer);
  for (std::size_t i = 0; i < bytes; i++) p[i] = static_cast<unsigned char>(seed + i * 7 + (i >> 8));
}

// Offset of the first byte that is not what fill wrote; `bytes` when all are.
HEAPPROF_TEST_UNWATCHED inline std::size_t firstDifference(const void* pointer, std::size_t bytes,
                                                           unsigned seed) noexcept {
  const auto* p = static_cast<const unsigned char*>(pointer);
  for (std::size_t i = 0; i < bytes; i++) {
    if (p[i] != static_cast<unsigned char>(seed + i * 7 + (i >> 8))) return i;
  }
  return bytes;
}

inline bool isZero(const void* pointer, std::size_t bytes) noexcept {
  const auto* p = static_cast<const unsigned char*>(pointer);
  return bytes == 0 || (p[0] == 0 && std::memcmp(p, p + 1, bytes - 1) == 0);
}

// Runs `allocate`, which must give null and leave ENOMEM (or `expected`) in errno.
template <typename Allocate>
::testing::AssertionResult failsWith(int expected, Allocate allocate) {
  errno = 0;
  void* p = allocate();
  const int error = errno;
  if (p != nullptr) {
    family().free(p);
    return ::testing::AssertionFailure() << "gave memory, wanted null with errno " << expected;
  }
  if (error != expected)
    return ::testing::AssertionFailure() << "null with errno " << error << ", wanted " << expected;
  return ::testing::AssertionSuccess();
}

}  // namespace heapprof::conformance

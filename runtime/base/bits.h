// Counting bits without a call: where the baseline processor has no instruction for it (x86-64), the compiler
// calls a function of its own library, which the linker puts at the far end of ours, on a page that nothing
// else needs.
#pragma once

#include <cstdint>

namespace heapprof::base {

constexpr unsigned bitCount(std::uint64_t bits) noexcept {
#if defined(__aarch64__) || defined(__POPCNT__)
  return static_cast<unsigned>(__builtin_popcountll(bits));
#else
  // Sums of pairs, of fours, of bytes; the product adds the bytes into the highest.
  bits -= (bits >> 1) & 0x5555555555555555u;
  bits = (bits & 0x3333333333333333u) + ((bits >> 2) & 0x3333333333333333u);
  bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return static_cast<unsigned>((bits * 0x0101010101010101u) >> 56);
#endif
}

}  // namespace heapprof::base

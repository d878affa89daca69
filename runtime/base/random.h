// xoshiro256** (Blackman and Vigna, 2018): small, fast, no state outside. One per heap; not for secrets.
#pragma once

#include <cstdint>

namespace heapprof::base {

class Random {
 public:
  constexpr Random() noexcept = default;
  explicit constexpr Random(std::uint64_t seed) noexcept { reseed(seed); }
  // splitmix64 spreads the seed, so that neighbouring seeds give unrelated streams. `stream` tells generators
  // of one seed apart. Its multiplier must not be splitmix's own increment: with that, neighbouring streams
  // would share three of their four words.
  constexpr void reseed(std::uint64_t seed, std::uint64_t stream = 0) noexcept {
    seed += stream * 0xd1342543de82ef95u;
    for (auto& word : state_) {
      seed += 0x9e3779b97f4a7c15u;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      word = z ^ (z >> 31);
    }
  }
  constexpr std::uint64_t next() noexcept {
    const std::uint64_t result = rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotl(state_[3], 45);
    return result;
  }
  // Uniform in (0, 1]: never 0, so that its logarithm is finite.
  double unit() noexcept { return static_cast<double>((next() >> 11) + 1) * 0x1.0p-53; }

 private:
  static constexpr std::uint64_t rotl(std::uint64_t x, int k) noexcept { return (x << k) | (x >> (64 - k)); }
  std::uint64_t state_[4] = {1, 2, 3, 4};
};

}  // namespace heapprof::base

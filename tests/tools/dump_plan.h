// What make_dump was asked for, and its random numbers. Plain data; the same plan gives the same bytes
// everywhere: no library's distribution is used, only the integer arithmetic below.
#pragma once

#include <cstdint>
#include <string>

namespace heapprof::tools {

struct DumpPlan {
  std::uint64_t samples = 2000;   // sampled sites: rows of Profile.sample
  std::uint64_t stacks = 500;     // distinct call stacks
  std::uint64_t live = 0;         // live sampled objects; 0: as many as sites
  std::uint64_t extents = 1000;   // rows of HeapSnapshot.extents, at most
  std::uint64_t hugePages = 128;  // placement units of 2 MiB
  std::uint64_t seed = 1;
  std::uint64_t second = 0;  // so much later than others of the same seed
  std::string host = "example";
  bool plain = false;  // no gzip around the message
  std::string output;
};

// splitmix64: enough for a picture of a heap, and it has no state but its counter.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t limit) { return limit == 0 ? 0 : next() % limit; }
  bool percent(std::uint64_t chance) { return below(100) < chance; }
  // Many small, few large: 1 with one half, up to `limit` with 1/limit.
  std::uint64_t skewed(std::uint64_t limit) { return 1 + below(limit) / (1 + below(limit)); }

 private:
  std::uint64_t state_;
};

}  // namespace heapprof::tools

// One thread's random walk through the malloc family, each step checked against the shadow.
//
// Invariant: held blocks are intact; the sum of their sizes stays under the budget. The first broken claim is
// kept as one line in error() and ends the walk. A Worker belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/stress/harness.h"
#include "tests/stress/shadow.h"

namespace heapprof::stress {

struct WorkerLimits {
  std::size_t largest = std::size_t{8} << 20;  // size of one request
  std::size_t heldBytes = std::size_t{48} << 20;
  std::size_t heldBlocks = 4000;
  bool mayFail = false;  // null with ENOMEM is an answer (faults, address space limits)
};

class Worker {
 public:
  Worker(std::uint64_t seed, WorkerLimits limits, SpanMap* spans = nullptr);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void step();  // one random operation
  void freeAll();
  bool allocateOne(std::size_t bytes);  // false when it gave null
  void reallocateOne();
  void freeOne();

  // Hand-over between threads: the giver forgets the block, the taker owns and checks it.
  bool give(Block* out);
  void take(const Block& block);
  const std::vector<Block>& held() const { return held_; }

  bool failed() const { return !error_.empty(); }
  const std::string& error() const { return error_; }
  std::uint64_t nulls() const { return nulls_; }
  base::Random& random() { return random_; }

 private:
  void fail(const char* what, const Block& block);
  void adopt(Block block, bool zeroed);
  void release(const Block& block);
  std::size_t pick();

  base::Random random_;
  WorkerLimits limits_;
  SpanMap* spans_;
  std::vector<Block> held_;
  std::size_t heldBytes_ = 0;
  std::uint64_t operations_ = 0, verifiedBlocks_ = 0, verifiedBytes_ = 0, nulls_ = 0;
  std::string error_;
};

// Verifies and frees one block in the way that fits how it was made. False: its contents were wrong.
bool verifyAndFree(const Block& block);

}  // namespace heapprof::stress

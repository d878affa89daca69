// A stack taken twice at one place: walked afresh, and as the sampler takes it, recognised where it can be.
// They must be the same, frame by frame.
#pragma once

#include <cstdint>
#include <ostream>
#include <vector>

#include "runtime/sampling/unwind.h"

namespace heapprof::tests {

struct Compared {
  std::uint64_t stacks = 0, recognised = 0, wrong = 0;
  std::vector<std::uintptr_t> fresh, taken;  // of the first one that is wrong
  bool ofHandler = false;  // then in a table of its own, whose lock nothing interrupted holds
};

// `entryFrame` as for captureStack. Threads: each with a `Compared` of its own.
void compareAt(const void* entryFrame, Compared* out, std::uint32_t depth = sampling::kMaxFrames);

// Stands for a public entry function.
[[gnu::noinline]] void entry(Compared* out);

// False where this libc has no tables that can be found without a lock; then nothing is recognised.
bool openRecognition();

}  // namespace heapprof::tests

#include "tests/runtime/sampling/recognise_harness.h"

#include <cstring>

#include "runtime/sampling/arena.h"
#include "runtime/sampling/stack_table.h"

namespace heapprof::tests {
namespace {

using sampling::CapturedStack;
using sampling::kMaxFrames;
using sampling::Stack;
using sampling::Walk;

constinit sampling::Arena arenas[2];
constinit sampling::StackTable tables[2];

}  // namespace

void compareAt(const void* entryFrame, Compared* out, std::uint32_t depth) {
  std::uintptr_t frames[kMaxFrames];
  const Walk walk = sampling::walkEhFrame(entryFrame, frames, depth);
  const Stack* stack = sampling::recogniseStack(entryFrame, depth).stack;
  out->recognised += stack != nullptr ? 1 : 0;
  if (stack == nullptr) {
    CapturedStack captured;
    sampling::captureStack(entryFrame, depth, &captured);
    if (captured.failure != nullptr) return;  // in a signal, amid a walk
    stack = tables[out->ofHandler].intern(arenas[out->ofHandler], captured.frames, captured.count,
                                          captured.failure);
    sampling::rememberStack(captured, stack);
  }
  ++out->stacks;
  if (stack->count == walk.count &&
      std::memcmp(stack->frames, frames, sizeof(std::uintptr_t) * walk.count) == 0) {
    return;
  }
  // The first one that went wrong is what is shown.
  if (++out->wrong != 1) return;
  out->fresh.assign(frames, frames + walk.count);
  out->taken.assign(stack->frames, stack->frames + stack->count);
}

void entry(Compared* out) {
  compareAt(__builtin_frame_address(0), out);
  __asm__ volatile("");
}

bool openRecognition() {
  const char* note = "";
  if (!sampling::openEhFrameWalk(&note)) return false;
  sampling::initialiseUnwinder(config::Unwinder::kAuto);
  return true;
}

}  // namespace heapprof::tests

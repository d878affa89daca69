#include "runtime/sampling/unwind.h"

#include <atomic>

namespace heapprof::sampling {
namespace {

using WalkFunction = Walk (*)(const void* entryFrame, std::uintptr_t* frames, std::uint32_t depth) noexcept;

struct Method {
  const char* name;
  WalkFunction walk;
};

// In order of preference; the first that gives a stack wins.
constexpr int kMostMethods = 4;
constinit Method methods[kMostMethods] = {};
constinit std::atomic<int> methodCount{0};
constinit std::atomic<const char*> note{""};
// The method that gave the last stack.
constinit std::atomic<const char*> inUse{"none"};

// True while this thread is inside a walk: libunwind's thread-local memory comes from malloc at its first use
// in a thread, which is a call of ours within a call of ours.
[[gnu::tls_model("initial-exec")]] constinit thread_local bool walking = false;

void add(const char* name, WalkFunction walk) noexcept {
  const int count = methodCount.load(std::memory_order_relaxed);
  methods[count] = {name, walk};
  if (count == 0) inUse.store(name, std::memory_order_relaxed);
  methodCount.store(count + 1, std::memory_order_release);  // pairs with the acquire in captureStack
}

}  // namespace

// Our own walk comes first because it alone can neither deadlock nor touch what is not ours: libunwind holds
// a lock of its own while it asks dl_iterate_phdr for tables, so a program that allocates in a
// dl_iterate_phdr callback while another thread samples hangs (seen within a second in a test of ours); it
// also keeps descriptors, and a quarter of a megabyte a thread. So it is opened only when asked for, or where
// libc cannot find tables without a lock.
void initialiseUnwinder(config::Unwinder choice) noexcept {
  if (methodCount.load(std::memory_order_relaxed) != 0) return;
  if (choice == config::Unwinder::kFramePointer) {
    add("frame-pointer", walkFramePointers);
    return;
  }
  const char* why = "";
  if (choice == config::Unwinder::kLibunwind && openLibunwind(&why)) add("libunwind", walkLibunwind);
  const char* whyNotEhFrame = "";
  if (openEhFrameWalk(&whyNotEhFrame)) {
    add("eh-frame", walkEhFrame);
  } else {
    why = whyNotEhFrame;
    const char* ignored = "";
    if (choice != config::Unwinder::kLibunwind && openLibunwind(&ignored)) add("libunwind", walkLibunwind);
    if (openLibgcc(&ignored)) add("libgcc", walkLibgcc);
  }
  note.store(why, std::memory_order_relaxed);
}

void captureStack(const void* entryFrame, std::uint32_t depth, CapturedStack* out) noexcept {
  out->memo = nullptr;
  out->count = 1;
  out->frames[0] = returnAddressOf(entryFrame);
  out->failure = "[unwind failed: no unwinder]";
  if (walking) {
    out->failure = "[unwind failed: allocated by the unwinder itself]";
    return;
  }
  walking = true;
  const int count = methodCount.load(std::memory_order_acquire);
  for (int i = 0; i < count; ++i) {
    const Walk walk = methods[i].walk == walkEhFrame ? walkEhFrameAndKeep(entryFrame, depth, out)
                                                     : methods[i].walk(entryFrame, out->frames, depth);
    out->failure = walk.failure;
    if (walk.count == 0) continue;
    out->count = walk.count;
    if (inUse.load(std::memory_order_relaxed) != methods[i].name) {
      inUse.store(methods[i].name, std::memory_order_relaxed);
    }
    break;
  }
  walking = false;
}

void rememberStack(const CapturedStack& captured, const Stack* stack) noexcept {
  MemoGroup* const group = captured.memo;
  if (group == nullptr) return;
  if (captured.way != nullptr && stack != nullptr) {
    const MemoWay& way = *captured.way;
    captured.way->stack.set(stack);
    group->keys[&way - group->ways].set(MemoGroup::keyOf(way.start.get(), way.steps[0].address.get()));
  }
  group->unlock();
}

const char* unwinderName() noexcept {
  return inUse.load(std::memory_order_relaxed);
}
const char* unwinderNote() noexcept {
  return note.load(std::memory_order_relaxed);
}

void prepareUnwinderFork() noexcept {
  prepareLibunwindFork();
}

void unwinderAfterFork(bool inChild) noexcept {
  libunwindAfterFork(inChild);
  // A fork handler runs on the forking thread, which is in no walk.
  if (!inChild) return;
  walking = false;
  ehFrameAfterForkInChild();
}

}  // namespace heapprof::sampling

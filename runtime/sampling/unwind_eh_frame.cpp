// The walk over .eh_frame rules. Every load from the stack is checked (StackReader), so that wrong tables end
// a walk early instead of the program.
#include "runtime/sampling/eh_frame.h"
#include "runtime/sampling/readable.h"
#include "runtime/sampling/rule_cache.h"
#include "runtime/sampling/unwind.h"

namespace heapprof::sampling {
namespace {

constinit RuleCache cache;

struct Cursor {
  std::uintptr_t address;  // in the function at hand: a return address, unless `interrupted`
  std::uintptr_t stackPointer;
  std::uintptr_t framePointer;
  bool interrupted;  // by a signal
};

class Walker {
 public:
  explicit Walker(const Cursor& start) noexcept : at_(start), stack_(start.stackPointer) {}

  const Cursor& cursor() const noexcept { return at_; }
  // To the caller; false at the outermost frame, or where the tables end.
  bool step() noexcept {
    std::uintptr_t address = 0;
    return steps(&address, 1) == 1;
  }
  // Up to `most` callers' addresses; gives their number.
  std::uint32_t steps(std::uintptr_t* addresses, std::uint32_t most) noexcept;

 private:
  // The places that hold an object met: the one at hand and the one before, which is often come back to. What
  // is on the stack is not unloaded meanwhile.
  static constexpr unsigned kMet = 2;

  bool changeObject(std::uintptr_t inside) noexcept;
  PackedRule readRule(std::uintptr_t inside) noexcept;
  bool stepAsSaid(PackedRule packed) noexcept;
  bool load(Base base, std::uintptr_t cfa, std::int32_t offset, std::uintptr_t* value) noexcept {
    const std::uintptr_t from = base == Base::kCfa            ? cfa
                                : base == Base::kStackPointer ? at_.stackPointer
                                                              : at_.framePointer;
    return stack_.read(from + static_cast<std::uintptr_t>(static_cast<std::intptr_t>(offset)), value);
  }

  Cursor at_;
  StackReader stack_;
  const CodeObject* object_ = &met_[0];
  CodeObject met_[kMet];
  unsigned newest_ = 0;
};

[[gnu::noinline]] bool Walker::changeObject(std::uintptr_t inside) noexcept {
  for (const CodeObject& object : permanentObjects) {
    if (object.holds(inside)) return object_ = &object, true;
  }
  for (const CodeObject& object : met_) {
    if (object.holds(inside)) return object_ = &object, true;
  }
  newest_ = (newest_ + 1) % kMet;
  object_ = &met_[newest_];
  if (findCodeObject(inside, &met_[newest_])) return true;
  met_[newest_] = {};
  return false;
}

[[gnu::noinline]] PackedRule Walker::readRule(std::uintptr_t inside) noexcept {
  const PackedRule rule = PackedRule::pack(findRule(*object_, inside));
  cache.store(inside, object_->fingerprint, rule);
  return rule;
}

[[gnu::noinline]] bool Walker::stepAsSaid(PackedRule packed) noexcept {
  const FrameRule rule = packed.unpack();
  std::uintptr_t cfa = rule.cfaBase == Base::kStackPointer ? at_.stackPointer : at_.framePointer;
  cfa += static_cast<std::uintptr_t>(static_cast<std::intptr_t>(rule.cfaOffset));
  if (rule.cfaLoads) {
    if (!stack_.read(cfa, &cfa)) return false;
    cfa += static_cast<std::uintptr_t>(static_cast<std::intptr_t>(rule.cfaAddend));
  }
  // Only a signal frame may lead to another stack; elsewhere callers lie higher.
  if (!rule.signalFrame && cfa <= at_.stackPointer) return false;

  std::uintptr_t address = 0;
  std::uintptr_t framePointer = at_.framePointer;
  if (!load(rule.returnBase, cfa, rule.returnOffset, &address)) return false;
  if (rule.frameBase == Base::kLost) {
    framePointer = 0;  // refused as a base, because nothing below the stack is read
  } else if (rule.frameBase != Base::kUnchanged &&
             !load(rule.frameBase, cfa, rule.frameOffset, &framePointer)) {
    return false;
  }
  address = withoutPointerAuthentication(address);
  if (address < kLowestCodeAddress) return false;
  if (rule.signalFrame && !stack_.restart(cfa)) return false;
  at_ = {address, cfa, framePointer, rule.signalFrame};
  return true;
}

// Nearly all frames are simple ones and stay within this loop, with the cursor in registers.
[[gnu::always_inline]] inline std::uint32_t Walker::steps(std::uintptr_t* addresses,
                                                          std::uint32_t most) noexcept {
  std::uint32_t count = 0;
  Cursor at = at_;
  for (; count < most; ++count) {
    // A call may be its function's last instruction: the address before lies inside for certain.
    const std::uintptr_t inside = at.address - (at.interrupted ? 0 : 1);
    if (!object_->holds(inside) && !changeObject(inside)) break;
    PackedRule rule;
    if (!cache.find(inside, object_->fingerprint, &rule)) rule = readRule(inside);
    if (!rule.isSimple()) [[unlikely]] {
      if (!rule.isStep()) break;
      at_ = at;
      if (!stepAsSaid(rule)) break;
      at = at_;
    } else {
      const std::uintptr_t cfa =
          (rule.fromFramePointer() ? at.framePointer : at.stackPointer) + rule.cfaOffset();
      if (cfa <= at.stackPointer || !stack_.read(cfa + rule.returnOffset(), &at.address)) break;
      if (rule.savesFramePointer() && !stack_.read(cfa + rule.frameOffset(), &at.framePointer)) break;
      at.stackPointer = cfa;
      at.interrupted = false;
      at.address = withoutPointerAuthentication(at.address);
      if (at.address < kLowestCodeAddress) break;
    }
    addresses[count] = at.address;
  }
  at_ = at;
  return count;
}

// x86-64: the entry function pushed its frame pointer below the return address, so its caller's registers are
// known. On AArch64 the frame record says nothing of the frame's size: the walk begins in this very function.
[[gnu::always_inline]] HEAPPROF_READS_FOREIGN_STACK inline bool startAtCaller(const void* entryFrame,
                                                                              Cursor* out) noexcept {
  const auto* frame = static_cast<const std::uintptr_t*>(entryFrame);
#if defined(__x86_64__)
  *out = {frame[1], reinterpret_cast<std::uintptr_t>(frame + 2), frame[0], false};
  return true;
#else
  constexpr int kMostOwnFrames = 32;
  Cursor here = {};
  __asm__ volatile("adr %0, ." : "=r"(here.address));
  __asm__ volatile("mov %0, sp" : "=r"(here.stackPointer));
  here.framePointer = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  here.interrupted = true;
  Walker walker(here);
  for (int i = 0; i < kMostOwnFrames; ++i) {
    if (!walker.step()) return false;
    if (walker.cursor().stackPointer > reinterpret_cast<std::uintptr_t>(frame)) {
      *out = walker.cursor();
      return true;
    }
  }
  return false;
#endif
}

}  // namespace

bool openEhFrameWalk(const char** note) noexcept {
  if (!openEhFrame(note)) return false;
  cache.reserve();
  return true;
}

Walk walkEhFrame(const void* entryFrame, std::uintptr_t* frames, std::uint32_t depth) noexcept {
  Cursor caller = {};
  if (!startAtCaller(entryFrame, &caller)) return {0, "[unwind failed: no tables for our own code]"};
  Walker walker(caller);
  frames[0] = caller.address;
  return {1 + walker.steps(frames + 1, depth - 1), nullptr};
}

}  // namespace heapprof::sampling

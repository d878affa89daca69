// The last walks over each stack, so that the next one from the same place is compared instead of walked.
//
// A step of a walk is a function of its cursor, of the rule there and of the words that it reads. A way keeps
// one walk twice: as the words that decided it, in the order in which they were read, to be compared; and as
// its steps, to be gone along from any of them. Where the start, those words and the objects' fingerprints
// are the same again, so is the stack.
//
// Invariant: nothing here is believed: what is read decides. An object is asked about only where a frame of
// the present stack is known to be in it: any other may be unloaded meanwhile. A group is written by whoever
// made its version odd, and read by anyone, who looks at the version again before using what was read
// (fields: release and acquire, as in RecordTable). Losing a way costs time. Threads: any; nobody waits. A
// group serves all stacks of one hash, so threads seldom meet in one.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "runtime/sampling/eh_frame.h"
#include "runtime/sampling/trie.h"

namespace heapprof::sampling {

struct SiteNode;
struct Stack;

// One field of a way. No fences, which the thread sanitizer cannot see.
template <typename T>
class MemoField {
 public:
  T get() const noexcept { return value_.load(std::memory_order_acquire); }
  void set(T value) noexcept { value_.store(value, std::memory_order_release); }

 private:
  std::atomic<T> value_;
};

// A frame of a walk, and the step to its caller. Places on the stack are distances from the walk's start,
// below 2 GiB.
//
//   address 64 | stack pointer 32 | return slot 32 | frame pointer's slot 32 | from it to the CFA 32
//
// The frame pointer's slot is where the one that is in force here was read, many callees ago perhaps; it is
// looked at only where it decides something.
struct MemoStep {
  static constexpr std::uint32_t kInRegister = 1;  // since the walk's start; slots and starts are aligned
  static constexpr std::uint32_t kNotBase = 0x80000000u;  // the CFA is found by the stack pointer

  MemoField<std::uint64_t> address;
  MemoField<std::uint32_t> stackPointer, returnSlot, frameSlot, frameOffset;
};

// A step as a walk took it. frameSlot: where it found its caller's frame pointer, 0 where that stayed.
struct StepTaken {
  std::uintptr_t returnSlot, frameSlot;
  std::uint32_t frameOffset;
};

// A word of the stack that a walk went by, and where it was: a return address, or the frame pointer that a
// caller's frame was found by. `place` is the distance from the walk's start less 2^31, so that 0, which
// memory is full of, is farther than any: it ends the list.
struct MemoWord {
  static constexpr std::int32_t kEnd = 0;
  static constexpr std::int32_t kStart = std::numeric_limits<std::int32_t>::min();

  MemoField<std::uint64_t> value;
  MemoField<std::int32_t> place;
};

// Sites of some stack that were met here, by whoever took it: to be asked whose they are. They live for ever.
using SiteHints = std::atomic<SiteNode*>[4];

struct alignas(64) MemoWay {
  static constexpr std::uint32_t kSteps = 64;
  static constexpr std::uint32_t kWords = 2 * kSteps;  // the last is always kEnd
  static constexpr std::uint32_t kObjects = 6;
  static constexpr std::uint8_t kPermanent = 0;  // in objectOf: never unloaded

  MemoField<const Stack*> stack;         // null where this is the lower part of a walk only
  MemoField<std::uint64_t> start;        // the first cursor's stack pointer
  MemoField<std::uint32_t> depth;        // that was asked for
  MemoField<std::uint32_t> objectCount;  // most ways have none
  // The frame pointer at the start must agree in these bits: all or none, as it decides something or not.
  MemoField<std::uint64_t> framePointer, framePointerMask;
  MemoField<std::uint32_t> count;  // of frames; the last one's step is not known
  alignas(64) MemoWord words[kWords];
  SiteHints sites;
  struct Object {
    MemoField<std::uint64_t> fingerprint, address;  // of its first frame
  } objects[kObjects];                              // that may be unloaded, as the walk met them
  MemoField<std::uint8_t> objectOf[kSteps];         // of each frame: 1 + its place there, or kPermanent
  MemoStep steps[kSteps];
};

struct alignas(64) MemoGroup {
  static constexpr std::uint32_t kWays = 4;

  std::atomic<std::uint64_t> version;  // odd: being written
  MemoField<std::uint32_t> newest;
  MemoField<std::uint64_t> keys[kWays];  // 0: not to be recognised
  MemoWay ways[kWays];

  // Of one start, another address has another key.
  static std::uint64_t keyOf(std::uintptr_t start, std::uintptr_t address) noexcept {
    return start + address * 0x9e3779b97f4a7c15u;
  }
  void unlock() noexcept {
    version.store(version.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
};

// What a walk leaves in its way, frame by frame, while the group is locked. It closes at what it has no words
// for; what came before stays useful.
class MemoWriter {
 public:
  MemoWriter(MemoWay* way, std::uintptr_t start) noexcept : way_(way), start_(start) {
    way_->stack.set(nullptr);
    way_->start.set(start);
    way_->framePointerMask.set(0);
  }

  bool open() const noexcept { return open_; }
  bool canKeep(const StepTaken& taken, std::uintptr_t callersStackPointer) const noexcept {
    return wordCount_ + 2 < MemoWay::kWords && reaches(taken.returnSlot) && reaches(callersStackPointer) &&
           (taken.frameSlot == 0 || reaches(taken.frameSlot));
  }
  // The step from this place. False: there is room for the place that it led to only.
  bool step(std::uintptr_t address, std::uintptr_t stackPointer, const StepTaken& taken,
            std::uintptr_t callersAddress, std::uintptr_t callersStackPointer) noexcept {
    if (taken.frameOffset != MemoStep::kNotBase) {
      frameFoundBy(callersStackPointer -
                   static_cast<std::uintptr_t>(std::intptr_t{static_cast<std::int32_t>(taken.frameOffset)}));
    }
    word(taken.returnSlot - start_, callersAddress);
    MemoStep& step = set(address, stackPointer);
    step.returnSlot.set(static_cast<std::uint32_t>(taken.returnSlot - start_));
    step.frameOffset.set(taken.frameOffset);
    if (taken.frameSlot != 0) frameSlot_ = static_cast<std::uint32_t>(taken.frameSlot - start_);
    return ++count_ < MemoWay::kSteps - 1;
  }
  // The walk stands here, and goes on in a way that is not kept, or ends.
  void close(std::uintptr_t address, std::uintptr_t stackPointer) noexcept {
    open_ = false;
    set(address, stackPointer);
    way_->words[wordCount_].place.set(MemoWord::kEnd);
    way_->count.set(count_ + 1);
    way_->objectCount.set(objects_);
  }
  // The frame at hand, which is at this address, is in this object. False where there is no room for it.
  bool note(std::uint64_t fingerprint, std::uintptr_t address) noexcept {
    std::uint32_t i = 0;
    while (i < objects_ && way_->objects[i].fingerprint.get() != fingerprint) ++i;
    if (i == MemoWay::kObjects) return false;
    if (i == objects_) {
      way_->objects[i].fingerprint.set(fingerprint);
      way_->objects[i].address.set(address);
      ++objects_;
    }
    object_ = static_cast<std::uint8_t>(i + 1);
    return true;
  }

 private:
  bool reaches(std::uintptr_t place) const noexcept { return place - start_ < std::uint64_t{1} << 31; }
  void word(std::uintptr_t distance, std::uint64_t value) noexcept {
    MemoWord& next = way_->words[wordCount_++];
    next.value.set(value);
    next.place.set(static_cast<std::int32_t>(static_cast<std::uint32_t>(distance) + 0x80000000u));
  }
  // The frame pointer that is in force had this value; where it was read it has to be found again.
  void frameFoundBy(std::uintptr_t value) noexcept {
    if (frameSlot_ == comparedSlot_) return;
    comparedSlot_ = frameSlot_;
    if (frameSlot_ != MemoStep::kInRegister) return word(frameSlot_, value);
    way_->framePointer.set(value);
    way_->framePointerMask.set(~std::uint64_t{0});
  }
  MemoStep& set(std::uintptr_t address, std::uintptr_t stackPointer) noexcept {
    MemoStep& step = way_->steps[count_];
    step.address.set(address);
    step.stackPointer.set(static_cast<std::uint32_t>(stackPointer - start_));
    step.frameSlot.set(frameSlot_);
    way_->objectOf[count_].set(object_);
    object_ = MemoWay::kPermanent;
    return step;
  }

  MemoWay* way_;
  std::uintptr_t start_;
  std::uint32_t count_ = 0;
  std::uint32_t wordCount_ = 0;
  std::uint32_t frameSlot_ = MemoStep::kInRegister;
  std::uint32_t comparedSlot_ = MemoStep::kNotBase;  // none
  std::uint32_t objects_ = 0;
  std::uint8_t object_ = MemoWay::kPermanent;  // of the frame at hand
  bool open_ = true;
};

class WalkMemo {
 public:
  static constexpr std::size_t kGroups = 32;

  constexpr WalkMemo() noexcept = default;
  // False when the kernel refuses the memory: then it is not open.
  bool reserve() noexcept;
  // Null where it is not open.
  MemoGroup* groupOf(std::uintptr_t stackPointer) const noexcept {
    MemoGroup* const groups = groups_.load(std::memory_order_acquire);
    return groups == nullptr
               ? nullptr
               : &groups[(stackPointer >> kNeighbourhoodShift) * 0x9e3779b97f4a7c15u >> kGroupShift];
  }
  // False where somebody else is writing.
  bool lock(MemoGroup& group) noexcept;
  // In a child no other thread will finish what it was writing.
  void afterForkInChild() noexcept;

 private:
  // Most programs' calls are within so much of their stack.
  static constexpr unsigned kNeighbourhoodShift = 17;
  static constexpr unsigned kGroupShift = 59;

  std::atomic<MemoGroup*> groups_{nullptr};
  std::atomic<std::uint32_t> touched_{0};  // a bit a group, so that a child need not look at the others
  static_assert(kGroups == 32 && kGroups == std::size_t{1} << (64 - kGroupShift));
};

}  // namespace heapprof::sampling

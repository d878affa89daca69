// The walk over .eh_frame rules. Every load from the stack is checked (StackReader), so that wrong tables end
// a walk early instead of the program.
#include "runtime/base/errno_keeper.h"
#include "runtime/sampling/eh_frame.h"
#include "runtime/sampling/readable.h"
#include "runtime/sampling/rule_cache.h"
#include "runtime/sampling/unwind.h"
#include "runtime/sampling/walk_memo.h"

namespace heapprof::sampling {
namespace {

constinit RuleCache cache;
constinit WalkMemo memo;

struct Cursor {
  std::uintptr_t address;  // in the function at hand: a return address, unless `interrupted`
  std::uintptr_t stackPointer;
  std::uintptr_t framePointer;
  bool interrupted;  // by a signal
};

// A walk of which nothing is kept. What these members mean: class Keeping.
struct Forgetting {
  static constexpr bool kKeeps = false;
};

class Walker {
 public:
  explicit Walker(const Cursor& start) noexcept : at_(start), stack_(start.stackPointer) {}

  const Cursor& cursor() const noexcept { return at_; }
  // To the caller; false at the outermost frame, or where the tables end.
  bool step() noexcept {
    std::uintptr_t address = 0;
    Forgetting nothing;
    return steps(&address, 1, nothing) == 1;
  }
  // Up to `most` callers' addresses; gives their number.
  template <typename Keep>
  std::uint32_t steps(std::uintptr_t* addresses, std::uint32_t most, Keep& keep) noexcept;

  // Goes along steps from..end-1 of a walk for as long as the stack says the same, `took(i)` each; gives
  // their number. The cursor stands at frame `from`, and is moved. The way's group is locked.
  template <typename Took>
  std::uint32_t follow(const MemoWay& way, std::uint32_t from, std::uint32_t end, Cursor* at,
                       Took took) noexcept;
  // True where the way's frame, which is at this address of the present stack, is in the same object as then.
  bool isInObjectOf(const MemoWay& way, std::uint32_t frame, std::uintptr_t address) noexcept {
    const std::uint32_t object = way.objectOf[frame].get();
    if (object == MemoWay::kPermanent) return true;
    const std::uintptr_t inside = address - 1;
    if (!object_->holds(inside) && !changeObject(inside)) return false;
    return object_->fingerprint == way.objects[object - 1].fingerprint.get();
  }

 private:
  // The places that hold an object met: the one at hand and the one before, which is often come back to. What
  // is on the stack is not unloaded meanwhile.
  static constexpr unsigned kMet = 2;

  bool changeObject(std::uintptr_t inside) noexcept;
  bool isPermanent() const noexcept {
    return object_ >= permanentObjects && object_ < permanentObjects + kPermanentObjects;
  }
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

// Keeps a walk in a way, and takes what it can from another, `source`: walks of one thread differ at the leaf
// and are the same from some caller on. Null: nothing to take from.
class Keeping {
 public:
  static constexpr bool kKeeps = true;

  Keeping(MemoWay* way, const MemoWay* source, const Cursor& start) noexcept
      : writer_(way, start.stackPointer), source_(source) {}

  // Where the walk stands at a cursor of the source's: the steps from there on that are still the same.
  std::uint32_t take(Walker& walker, Cursor* at, std::uintptr_t* addresses, std::uint32_t most) noexcept;
  // The frame at hand is in an object that may be unloaded.
  void enter(std::uint64_t fingerprint, const Cursor& at) noexcept {
    if (writer_.open() && !writer_.note(fingerprint, at.address)) close(at);
  }
  void stepped(const Cursor& from, const Cursor& to, const StepTaken& taken) noexcept {
    if (!writer_.open()) return;
    if (!writer_.canKeep(taken, to.stackPointer)) return close(from);
    if (!writer_.step(from.address, from.stackPointer, taken, to.address, to.stackPointer)) close(to);
  }
  void close(const Cursor& at) noexcept {
    if (writer_.open()) writer_.close(at.address, at.stackPointer);
  }
  // The tables said that there is no caller, or nothing.
  void endsHere() noexcept { ended_ = true; }
  bool isWhole(bool full) const noexcept { return writer_.open() && (ended_ || full); }

 private:
  MemoWriter writer_;
  const MemoWay* source_;
  std::uint32_t next_ = 0;  // of the source's frames, the first that the walk has not passed
  bool ended_ = false;
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
template <typename Keep>
[[gnu::always_inline]] inline std::uint32_t Walker::steps(std::uintptr_t* addresses, std::uint32_t most,
                                                          Keep& keep) noexcept {
  std::uint32_t count = 0;
  Cursor at = at_;
  Cursor from = at;
  for (; count < most; ++count) {
    if constexpr (Keep::kKeeps) {
      count += keep.take(*this, &at, addresses + count, most - count);
      from = at;
      if (count == most) break;
    }
    // A call may be its function's last instruction: the address before lies inside for certain.
    const std::uintptr_t inside = at.address - (at.interrupted ? 0 : 1);
    if (!object_->holds(inside) && !changeObject(inside)) break;
    if constexpr (Keep::kKeeps) {
      if (!isPermanent()) keep.enter(object_->fingerprint, at);
    }
    PackedRule rule;
    if (!cache.find(inside, object_->fingerprint, &rule)) rule = readRule(inside);
    if (!rule.isSimple()) [[unlikely]] {
      if constexpr (Keep::kKeeps) {
        if (!rule.isStep()) {
          keep.endsHere();
        } else {
          keep.close(at);
        }
      }
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
      if constexpr (Keep::kKeeps) {
        keep.stepped(
            from, at,
            {cfa + rule.returnOffset(), rule.savesFramePointer() ? cfa + rule.frameOffset() : 0,
             rule.fromFramePointer() ? static_cast<std::uint32_t>(rule.cfaOffset()) : MemoStep::kNotBase});
      }
    }
    if constexpr (Keep::kKeeps) from = at;
    addresses[count] = at.address;
  }
  at_ = Keep::kKeeps ? from : at;
  return count;
}

template <typename Took>
[[gnu::always_inline]] inline std::uint32_t Walker::follow(const MemoWay& way, std::uint32_t from,
                                                           std::uint32_t end, Cursor* at,
                                                           Took took) noexcept {
  const std::uintptr_t start = way.start.get();
  const std::uint32_t atHand = way.steps[from].frameSlot.get();
  const auto framePointerOf = [&](const MemoStep& step) {
    std::uintptr_t value = at->framePointer;
    const std::uint32_t slot = step.frameSlot.get();
    // As a base 0 would be refused: nothing below the stack is read.
    return slot == atHand || stack_.read(start + slot, &value) ? value : 0;
  };
  std::uint32_t i = from;
  for (; i < end; ++i) {
    const MemoStep& step = way.steps[i];
    if (!isInObjectOf(way, i, at->address)) [[unlikely]]
      break;
    const std::uint32_t offset = step.frameOffset.get();
    if (offset != MemoStep::kNotBase) {
      const std::uintptr_t cfa = start + way.steps[i + 1].stackPointer.get();
      if (framePointerOf(step) +
              static_cast<std::uintptr_t>(std::intptr_t{static_cast<std::int32_t>(offset)}) !=
          cfa)
        break;
    }
    std::uintptr_t address = 0;
    if (!stack_.read(start + step.returnSlot.get(), &address)) break;
    const std::uintptr_t caller = way.steps[i + 1].address.get();
    if (withoutPointerAuthentication(address) != caller) break;
    at->address = caller;
    took(i);
  }
  at->framePointer = framePointerOf(way.steps[i]);
  at->stackPointer = start + way.steps[i].stackPointer.get();
  at->interrupted = false;
  return i - from;
}

std::uint32_t Keeping::take(Walker& walker, Cursor* at, std::uintptr_t* addresses,
                            std::uint32_t most) noexcept {
  if (source_ == nullptr) return 0;
  const std::uint32_t count = source_->count.get();
  const std::uintptr_t start = source_->start.get();
  const auto stackPointerOf = [&](std::uint32_t i) { return start + source_->steps[i].stackPointer.get(); };
  while (next_ < count && stackPointerOf(next_) < at->stackPointer) ++next_;
  if (next_ >= count) {
    source_ = nullptr;
    return 0;
  }
  if (at->interrupted || stackPointerOf(next_) != at->stackPointer ||
      source_->steps[next_].address.get() != at->address) {
    return 0;
  }
  const std::uint32_t last = count - 1 - next_ < most ? count - 1 : next_ + most;
  const std::uint32_t taken = walker.follow(*source_, next_, last, at, [&](std::uint32_t i) noexcept {
    const MemoStep& step = source_->steps[i];
    const MemoStep& callers = source_->steps[i + 1];
    const std::uint32_t frameSlot = callers.frameSlot.get();
    const Cursor from = {step.address.get(), start + step.stackPointer.get(), 0, false};
    if (const std::uint32_t object = source_->objectOf[i].get(); object != MemoWay::kPermanent) {
      enter(source_->objects[object - 1].fingerprint.get(), from);
    }
    addresses[i - next_] = callers.address.get();
    stepped(from, {callers.address.get(), start + callers.stackPointer.get(), 0, false},
            {start + step.returnSlot.get(), frameSlot == step.frameSlot.get() ? 0 : start + frameSlot,
             step.frameOffset.get()});
  });
  next_ += taken + 1;
  return taken;
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

constexpr const char* kNoTables = "[unwind failed: no tables for our own code]";

Walk walkFrom(const Cursor& start, std::uintptr_t* frames, std::uint32_t depth) noexcept {
  Walker walker(start);
  Forgetting nothing;
  frames[0] = start.address;
  return {1 + walker.steps(frames + 1, depth - 1, nothing), nullptr};
}

HEAPPROF_INLINE_UNLESS_SANITIZED HEAPPROF_READS_FOREIGN_STACK inline std::uintptr_t wordAt(
    std::uintptr_t slot) noexcept {
  return withoutPointerAuthentication(*reinterpret_cast<const std::uintptr_t*>(slot));
}

constexpr std::uint32_t kWordsAtOnce = 4;
static_assert(MemoWay::kWords % kWordsAtOnce == 0);

enum class Match : std::uint8_t { kNone, kSame, kNotKnown };

// Whether each word that decided the walk stands on the stack again. Not known: some are on pages that have
// to be asked about.
[[gnu::always_inline]] inline Match matchWords(const MemoWay& way, std::uintptr_t start) noexcept {
  const std::uintptr_t known = knownStackBytes(start) - sizeof(std::uintptr_t);
  const std::intptr_t farthest = static_cast<std::intptr_t>(known) + MemoWord::kStart;
  const std::uintptr_t middle = start + 0x80000000u;
  for (const MemoWord* word = way.words;; word += kWordsAtOnce) {
#pragma GCC unroll 4
    for (std::uint32_t i = 0; i < kWordsAtOnce; ++i) {
      const std::intptr_t place = word[i].place.get();
      if (place > farthest) return place == MemoWord::kEnd ? Match::kSame : Match::kNotKnown;
      const std::uintptr_t value = word[i].value.get();
      if (wordAt(middle + static_cast<std::uintptr_t>(place)) != value) return Match::kNone;
    }
  }
}

// The same, asking.
bool holdsWords(const MemoWay& way, std::uintptr_t start) noexcept {
  StackReader stack(start);
  for (const MemoWord* word = way.words;; ++word) {
    const std::int32_t place = word->place.get();
    if (place == MemoWord::kEnd) return true;
    // Torn fields may name any place below 2 GiB from the start: the reader bounds and asks.
    const std::uintptr_t distance = static_cast<std::uint32_t>(place) - 0x80000000u;
    std::uintptr_t value = 0;
    if (!stack.read(start + distance, &value)) return false;
    if (withoutPointerAuthentication(value) != word->value.get()) return false;
  }
}

// The words are those of the walk. So the frames up to the first object that may be unloaded are, and it is
// on the stack; where it is the one that it was, so are the frames up to the next one.
bool areObjectsOf(const MemoGroup& group, std::uint64_t version, const MemoWay& way) noexcept {
  const std::uint32_t count = way.objectCount.get();
  for (std::uint32_t i = 0; i < count && i < MemoWay::kObjects; ++i) {
    const std::uintptr_t inside = way.objects[i].address.get() - 1;
    const std::uint64_t fingerprint = way.objects[i].fingerprint.get();
    // Torn fields may name a place that is on no stack.
    if (group.version.load(std::memory_order_relaxed) != version) return false;
    CodeObject object;
    if (!findCodeObject(inside, &object) || object.fingerprint != fingerprint) return false;
  }
  return true;
}

// The way is for a walk from this start, as far as its first cursor says.
[[gnu::always_inline]] inline bool startsAt(const MemoWay& way, const Cursor& start,
                                            std::uint32_t depth) noexcept {
  return way.start.get() == start.stackPointer && way.depth.get() == depth &&
         ((start.framePointer ^ way.framePointer.get()) & way.framePointerMask.get()) == 0;
}

// The way's words are the stack's, but the objects that may be unloaded have not been looked at.
[[gnu::noinline]] Recognised afterItsObjects(MemoGroup& group, std::uint64_t version, MemoWay& way) noexcept {
  if (!areObjectsOf(group, version, way)) return {};
  const Stack* stack = way.stack.get();
  if (group.version.load(std::memory_order_relaxed) != version) return {};
  return {stack, way.sites};
}

// Words have to be asked for: coroutines' stacks, and a thread's own until it is known.
[[gnu::noinline]] Recognised recogniseAsking(const void* entryFrame, std::uint32_t depth) noexcept {
  const base::ErrnoKeeper keeper;
  Cursor start = {};
  if (!startAtCaller(entryFrame, &start)) return {};
  MemoGroup& group = *memo.groupOf(start.stackPointer);
  // acquire: pairs with unlock()
  const std::uint64_t version = group.version.load(std::memory_order_acquire);
  if (version % 2 != 0) return {};
  const std::uint64_t key = MemoGroup::keyOf(start.stackPointer, start.address);
  for (std::uint32_t i = 0; i < MemoGroup::kWays; ++i) {
    MemoWay& way = group.ways[i];
    if (group.keys[i].get() != key || !startsAt(way, start, depth) || !holdsWords(way, start.stackPointer))
      continue;
    const Recognised known = afterItsObjects(group, version, way);
    if (known.stack != nullptr) return known;
  }
  return {};
}

// The group is locked, and stays so until its way has been given the stack.
[[gnu::noinline]] Walk keepWalk(const Cursor& start, MemoGroup& group, std::uint32_t depth,
                                CapturedStack* out) noexcept {
  Walker walker(start);
  out->frames[0] = start.address;
  const std::uint32_t newest = group.newest.get();
  const std::uint32_t oldest = (newest + 1) % MemoGroup::kWays;
  MemoWay& way = group.ways[oldest];
  group.newest.set(oldest);
  group.keys[oldest].set(0);
  Keeping keeping(&way, &group.ways[newest], start);
  const std::uint32_t count = 1 + walker.steps(out->frames + 1, depth - 1, keeping);
  const bool whole = keeping.isWhole(count == depth);
  keeping.close(walker.cursor());
  way.depth.set(depth);
  out->memo = &group;
  out->way = whole ? &way : nullptr;
  return {count, nullptr};
}

}  // namespace

bool openEhFrameWalk(const char** note) noexcept {
  if (!openEhFrame(note)) return false;
  cache.reserve();
  memo.reserve();
  return true;
}

Walk walkEhFrame(const void* entryFrame, std::uintptr_t* frames, std::uint32_t depth) noexcept {
  Cursor caller = {};
  if (!startAtCaller(entryFrame, &caller)) return {0, kNoTables};
  return walkFrom(caller, frames, depth);
}

// All that is seldom is a call in its last place.
Recognised recogniseStack(const void* entryFrame, std::uint32_t depth) noexcept {
  Cursor start = {};
  if (!startAtCaller(entryFrame, &start)) return {};
  MemoGroup* const group = memo.groupOf(start.stackPointer);
  if (group == nullptr) return {};
  // acquire: pairs with unlock()
  const std::uint64_t version = group->version.load(std::memory_order_acquire);
  if (version % 2 != 0) return {};
  const std::uint64_t key = MemoGroup::keyOf(start.stackPointer, start.address);
  const std::uint32_t newest = group->newest.get();
  for (std::uint32_t i = 0; i < MemoGroup::kWays; ++i) {
    const std::uint32_t which = (newest - i) % MemoGroup::kWays;
    if (group->keys[which].get() != key) continue;
    MemoWay& way = group->ways[which];
    if (!startsAt(way, start, depth)) continue;
    const Match match = matchWords(way, start.stackPointer);
    if (match == Match::kNone) continue;
    if (match == Match::kNotKnown) return recogniseAsking(entryFrame, depth);
    if (way.objectCount.get() != 0) return afterItsObjects(*group, version, way);
    const Stack* stack = way.stack.get();
    if (group->version.load(std::memory_order_relaxed) != version) break;
    return {stack, way.sites};
  }
  return {};
}

Walk walkEhFrameAndKeep(const void* entryFrame, std::uint32_t depth, CapturedStack* out) noexcept {
  Cursor caller = {};
  if (!startAtCaller(entryFrame, &caller)) return {0, kNoTables};
  MemoGroup* const group = memo.groupOf(caller.stackPointer);
  if (group != nullptr && caller.stackPointer % sizeof(void*) == 0 && memo.lock(*group)) {
    return keepWalk(caller, *group, depth, out);
  }
  return walkFrom(caller, out->frames, depth);
}

void ehFrameAfterForkInChild() noexcept {
  memo.afterForkInChild();
}

}  // namespace heapprof::sampling

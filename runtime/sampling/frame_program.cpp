#include "runtime/sampling/frame_program.h"

namespace heapprof::sampling {
namespace {

constexpr int kRememberDepth = 8;

// DW_CFA_*; the first three keep an operand in their low six bits.
enum Instruction : std::uint8_t {
  kAdvance = 0x40,
  kOffset = 0x80,
  kRestore = 0xc0,
  kNop = 0x00,
  kSetLocation = 0x01,
  kAdvance1 = 0x02,
  kAdvance2 = 0x03,
  kAdvance4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefineCfa = 0x0c,
  kDefineCfaRegister = 0x0d,
  kDefineCfaOffset = 0x0e,
  kDefineCfaExpression = 0x0f,
  kExpression = 0x10,
  kOffsetExtendedSigned = 0x11,
  kDefineCfaSigned = 0x12,
  kDefineCfaOffsetSigned = 0x13,
  kValueOffset = 0x14,
  kValueOffsetSigned = 0x15,
  kValueExpression = 0x16,
  kNegateReturnState = 0x2d,  // AArch64 pointer authentication: we strip the bits instead
  kGnuArgumentsSize = 0x2e,
  kGnuNegativeOffset = 0x2f,
};

constexpr std::uint8_t kOpDereference = 0x06;
constexpr std::uint8_t kOpPlusConstant = 0x23;
constexpr std::uint8_t kOpBaseRegister0 = 0x70;
constexpr std::uint8_t kOpBaseRegister31 = 0x8f;

enum class Where : std::uint8_t {
  kUnchanged,
  kAtCfa,
  kAtStackPointer,
  kAtFramePointer,
  kUndefined,
  kElsewhere
};

struct Column {
  Where where = Where::kUnchanged;
  std::int64_t offset = 0;
};

struct Row {
  std::uint64_t cfaRegister = ~std::uint64_t{0};
  std::int64_t cfaOffset = 0;
  std::int64_t cfaAddend = 0;
  bool cfaLoads = false;
  bool cfaKnown = false;
  Column returnAddress;
  Column framePointer;
};

class Machine {
 public:
  Machine(const CommonEntry& common, std::uintptr_t location, std::uintptr_t target) noexcept
      : common_(common), location_(location), target_(target) {}

  // False where the program cannot be followed.
  bool run(const std::uint8_t* program, const std::uint8_t* end) noexcept {
    DwarfReader in(program, end);
    while (!in.atEnd() && location_ <= target_) {
      if (!step(in) || !in.ok()) return false;
    }
    return true;
  }
  void keepAsInitial() noexcept { initial_ = row_; }
  FrameRule rule() const noexcept;

 private:
  bool step(DwarfReader& in) noexcept;
  bool stepExtended(std::uint8_t instruction, DwarfReader& in) noexcept;
  bool stepCfa(std::uint8_t instruction, DwarfReader& in) noexcept;
  Column* column(std::uint64_t number) noexcept {
    if (number == common_.returnColumn) return &row_.returnAddress;
    if (number == kFramePointerColumn) return &row_.framePointer;
    return nullptr;
  }
  void set(std::uint64_t number, Where where, std::int64_t offset = 0) noexcept {
    if (Column* found = column(number)) *found = {where, offset};
  }
  void restore(std::uint64_t number) noexcept {
    if (number == common_.returnColumn) row_.returnAddress = initial_.returnAddress;
    if (number == kFramePointerColumn) row_.framePointer = initial_.framePointer;
  }
  // Beyond the target the next row begins, which is not ours: the loop in run() ends there.
  void advance(std::uint64_t delta) noexcept { location_ += delta * common_.codeAlignment; }
  // Data alignment is a handful, so the product cannot overflow for offsets that a rule can hold.
  std::int64_t scaled(std::int64_t factored) const noexcept { return factored * common_.dataAlignment; }
  bool cfaExpression(DwarfReader expression) noexcept;
  void columnExpression(std::uint64_t number, DwarfReader expression) noexcept;

  const CommonEntry& common_;
  std::uintptr_t location_;
  std::uintptr_t target_;
  Row row_;
  Row initial_;
  Row remembered_[kRememberDepth];
  int rememberedCount_ = 0;
};

// The next `length` bytes as a reader of their own.
DwarfReader block(DwarfReader& in) noexcept {
  const std::uint64_t length = in.uleb();
  const std::uint8_t* begin = in.position();
  in.skip(length);
  return DwarfReader(begin, in.ok() ? in.position() : begin);
}

bool Machine::step(DwarfReader& in) noexcept {
  const std::uint8_t instruction = in.byte();
  const std::uint8_t operand = instruction & 0x3f;
  switch (instruction & 0xc0) {
    case kAdvance:
      advance(operand);
      return true;
    case kOffset:
      set(operand, Where::kAtCfa, scaled(static_cast<std::int64_t>(in.uleb())));
      return true;
    case kRestore:
      restore(operand);
      return true;
    default:
      return stepExtended(instruction, in);
  }
}

bool Machine::stepExtended(std::uint8_t instruction, DwarfReader& in) noexcept {
  std::uint64_t number = 0;
  switch (instruction) {
    case kNop:
    case kNegateReturnState:
      return true;
    case kSetLocation:
      location_ = in.encoded(common_.pointerEncoding);
      return true;
    case kAdvance1:
      advance(in.byte());
      return true;
    case kAdvance2:
      advance(in.fixed<std::uint16_t>());
      return true;
    case kAdvance4:
      advance(in.fixed<std::uint32_t>());
      return true;
    case kOffsetExtended:
      number = in.uleb();
      set(number, Where::kAtCfa, scaled(static_cast<std::int64_t>(in.uleb())));
      return true;
    case kOffsetExtendedSigned:
      number = in.uleb();
      set(number, Where::kAtCfa, scaled(in.sleb()));
      return true;
    case kGnuNegativeOffset:
      number = in.uleb();
      set(number, Where::kAtCfa, -scaled(static_cast<std::int64_t>(in.uleb())));
      return true;
    case kRestoreExtended:
      restore(in.uleb());
      return true;
    case kUndefined:
      set(in.uleb(), Where::kUndefined);
      return true;
    case kSameValue:
      set(in.uleb(), Where::kUnchanged);
      return true;
    case kRegister:
    case kValueOffset:
      number = in.uleb();
      in.uleb();
      set(number, Where::kElsewhere);
      return true;
    case kValueOffsetSigned:
      number = in.uleb();
      in.sleb();
      set(number, Where::kElsewhere);
      return true;
    case kExpression:
      number = in.uleb();
      columnExpression(number, block(in));
      return true;
    case kValueExpression:
      number = in.uleb();
      block(in);
      set(number, Where::kElsewhere);
      return true;
    case kGnuArgumentsSize:
      in.uleb();
      return true;
    default:
      return stepCfa(instruction, in);
  }
}

bool Machine::stepCfa(std::uint8_t instruction, DwarfReader& in) noexcept {
  switch (instruction) {
    case kRememberState:
      if (rememberedCount_ == kRememberDepth) return false;
      remembered_[rememberedCount_++] = row_;
      return true;
    case kRestoreState:
      if (rememberedCount_ == 0) return false;
      row_ = remembered_[--rememberedCount_];
      return true;
    case kDefineCfa:
      row_.cfaRegister = in.uleb();
      row_.cfaOffset = static_cast<std::int64_t>(in.uleb());
      break;
    case kDefineCfaSigned:
      row_.cfaRegister = in.uleb();
      row_.cfaOffset = scaled(in.sleb());
      break;
    case kDefineCfaRegister:
      row_.cfaRegister = in.uleb();
      break;
    case kDefineCfaOffset:
      row_.cfaOffset = static_cast<std::int64_t>(in.uleb());
      break;
    case kDefineCfaOffsetSigned:
      row_.cfaOffset = scaled(in.sleb());
      break;
    case kDefineCfaExpression:
      row_.cfaKnown = cfaExpression(block(in));
      return true;
    default:
      return false;
  }
  row_.cfaLoads = false;
  row_.cfaAddend = 0;
  row_.cfaKnown = true;
  return true;
}

bool isBaseRegister(std::uint8_t operation) noexcept {
  return operation >= kOpBaseRegister0 && operation <= kOpBaseRegister31;
}

// "register + n", loaded or not, and perhaps a constant more: realigned stacks, assembly that keeps the old
// stack pointer in memory, and the kernel's signal frames. Others (the PLT's) never hold a return address.
bool Machine::cfaExpression(DwarfReader expression) noexcept {
  const std::uint8_t base = expression.byte();
  if (!isBaseRegister(base)) return false;
  row_.cfaRegister = static_cast<std::uint64_t>(base - kOpBaseRegister0);
  row_.cfaOffset = expression.sleb();
  row_.cfaLoads = false;
  row_.cfaAddend = 0;
  if (!expression.atEnd()) {
    if (expression.byte() != kOpDereference) return false;
    row_.cfaLoads = true;
  }
  if (!expression.atEnd()) {
    if (expression.byte() != kOpPlusConstant) return false;
    row_.cfaAddend = static_cast<std::int64_t>(expression.uleb());
  }
  return expression.ok() && expression.atEnd();
}

// "register + n": the kernel's signal frames keep registers beside the stack pointer, realigned functions the
// old frame pointer beside the new one.
void Machine::columnExpression(std::uint64_t number, DwarfReader expression) noexcept {
  const std::uint8_t base = expression.byte();
  const std::int64_t offset = expression.sleb();
  Where where = Where::kElsewhere;
  if (expression.ok() && expression.atEnd() && isBaseRegister(base)) {
    const auto baseNumber = static_cast<std::uint64_t>(base - kOpBaseRegister0);
    if (baseNumber == kStackPointerColumn) where = Where::kAtStackPointer;
    if (baseNumber == kFramePointerColumn) where = Where::kAtFramePointer;
  }
  set(number, where, offset);
}

bool fits(std::int64_t value) noexcept {
  return value >= -(std::int64_t{1} << 31) && value < (std::int64_t{1} << 31);
}

bool place(const Column& column, Base* base, std::int32_t* offset) noexcept {
  if (!fits(column.offset)) return false;
  *offset = static_cast<std::int32_t>(column.offset);
  switch (column.where) {
    case Where::kUnchanged:
      *base = Base::kUnchanged;
      return true;
    case Where::kAtCfa:
      *base = Base::kCfa;
      return true;
    case Where::kAtStackPointer:
      *base = Base::kStackPointer;
      return true;
    case Where::kAtFramePointer:
      *base = Base::kFramePointer;
      return true;
    default:
      return false;
  }
}

FrameRule Machine::rule() const noexcept {
  FrameRule rule;
  rule.signalFrame = common_.signalFrame;
  if (row_.returnAddress.where == Where::kUndefined) {
    rule.kind = RuleKind::kOutermost;
    return rule;
  }
  const bool fromStackPointer = row_.cfaRegister == kStackPointerColumn;
  if (!row_.cfaKnown || (!fromStackPointer && row_.cfaRegister != kFramePointerColumn)) return rule;
  if (!fits(row_.cfaOffset) || row_.cfaAddend < -32768 || row_.cfaAddend > 32767) return rule;
  rule.cfaBase = fromStackPointer ? Base::kStackPointer : Base::kFramePointer;
  rule.cfaOffset = static_cast<std::int32_t>(row_.cfaOffset);
  rule.cfaLoads = row_.cfaLoads;
  rule.cfaAddend = static_cast<std::int16_t>(row_.cfaAddend);
  // A return address still in its register happens only in a leaf, and a leaf calls nobody.
  if (!place(row_.returnAddress, &rule.returnBase, &rule.returnOffset)) return rule;
  if (rule.returnBase == Base::kUnchanged) return rule;
  // A frame pointer that is lost here matters only if a caller needs it.
  if (!place(row_.framePointer, &rule.frameBase, &rule.frameOffset)) rule.frameBase = Base::kLost;
  rule.kind = RuleKind::kStep;
  return rule;
}

}  // namespace

FrameRule runFrameProgram(const CommonEntry& common, const std::uint8_t* program,
                          const std::uint8_t* programEnd, std::uintptr_t functionStart,
                          std::uintptr_t address) noexcept {
  Machine machine(common, functionStart, address);
  if (!machine.run(common.program, common.end)) return {};
  machine.keepAsInitial();
  if (!machine.run(program, programEnd)) return {};
  return machine.rule();
}

}  // namespace heapprof::sampling

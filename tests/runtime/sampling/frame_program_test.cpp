// Call frame instructions, byte by byte, against the rules that the DWARF standard gives them.
#include "runtime/sampling/frame_program.h"

#include <gtest/gtest.h>
#include <vector>

#include "runtime/base/random.h"

namespace heapprof::sampling {
namespace {

constexpr std::uintptr_t kStart = 0x1000;
constexpr auto kSp = static_cast<std::uint8_t>(kStackPointerColumn);
constexpr auto kFp = static_cast<std::uint8_t>(kFramePointerColumn);
constexpr std::uint8_t kReturn = 16;

using Bytes = std::vector<std::uint8_t>;

FrameRule run(const Bytes& common, const Bytes& program, std::uintptr_t address, bool signalFrame = false) {
  CommonEntry entry;
  entry.codeAlignment = 1;
  entry.dataAlignment = -8;
  entry.returnColumn = kReturn;
  entry.pointerEncoding = 0x1b;
  entry.signalFrame = signalFrame;
  entry.program = common.data();
  entry.end = common.data() + common.size();
  return runFrameProgram(entry, program.data(), program.data() + program.size(), kStart, address);
}

// CFA = sp + 8, return address at CFA - 8: how every x86-64 function begins.
const Bytes kInitial = {0x0c, kSp, 8, 0x80 | kReturn, 1};

TEST(FrameProgram, TheInitialRowHoldsAtTheStart) {
  const FrameRule rule = run(kInitial, {}, kStart);
  EXPECT_EQ(rule.kind, RuleKind::kStep);
  EXPECT_EQ(rule.cfaBase, Base::kStackPointer);
  EXPECT_EQ(rule.cfaOffset, 8);
  EXPECT_EQ(rule.returnBase, Base::kCfa);
  EXPECT_EQ(rule.returnOffset, -8);
  EXPECT_EQ(rule.frameBase, Base::kUnchanged);
}

TEST(FrameProgram, APrologueIsFollowedInstructionByInstruction) {
  // push fp (1 byte): CFA = sp+16, fp at CFA-16; mov fp, sp (3 bytes): CFA = fp+16; ...; pop fp: CFA = sp+8
  const Bytes program = {0x41, 0x0e, 16, 0x80 | kFp, 2, 0x43, 0x0d, kFp, 0x02, 200, 0x0c, kSp, 8, 0xc0 | kFp};
  FrameRule rule = run(kInitial, program, kStart);
  EXPECT_EQ(rule.cfaOffset, 8);
  EXPECT_EQ(rule.frameBase, Base::kUnchanged);
  rule = run(kInitial, program, kStart + 1);
  EXPECT_EQ(rule.cfaOffset, 16);
  EXPECT_EQ(rule.cfaBase, Base::kStackPointer);
  EXPECT_EQ(rule.frameBase, Base::kCfa);
  EXPECT_EQ(rule.frameOffset, -16);
  rule = run(kInitial, program, kStart + 4);
  EXPECT_EQ(rule.cfaBase, Base::kFramePointer);
  EXPECT_EQ(rule.cfaOffset, 16);
  rule = run(kInitial, program, kStart + 203);
  EXPECT_EQ(rule.cfaBase, Base::kFramePointer);
  rule = run(kInitial, program, kStart + 204);
  EXPECT_EQ(rule.cfaBase, Base::kStackPointer);
  EXPECT_EQ(rule.cfaOffset, 8);
  EXPECT_EQ(rule.frameBase, Base::kUnchanged) << "restored to the initial rule";
}

TEST(FrameProgram, WideAdvancesCount) {
  const Bytes program = {0x03, 0x10, 0x27, 0x0e, 16, 0x04, 0, 0, 1, 0, 0x0e, 32};
  EXPECT_EQ(run(kInitial, program, kStart + 9999).cfaOffset, 8);
  EXPECT_EQ(run(kInitial, program, kStart + 10000).cfaOffset, 16);
  EXPECT_EQ(run(kInitial, program, kStart + 10000 + 65536).cfaOffset, 32);
}

TEST(FrameProgram, RememberedRowsComeBackWithTheirCfa) {
  const Bytes program = {0x41, 0x0e, 16, 0x80 | kFp, 2, 0x0a, 0x41, 0x0e, 8, 0xc0 | kFp, 0x41, 0x0b};
  EXPECT_EQ(run(kInitial, program, kStart + 2).cfaOffset, 8);
  const FrameRule rule = run(kInitial, program, kStart + 3);
  EXPECT_EQ(rule.cfaOffset, 16);
  EXPECT_EQ(rule.frameOffset, -16);
}

TEST(FrameProgram, AnUndefinedReturnAddressIsTheOutermostFrame) {
  EXPECT_EQ(run(kInitial, {0x07, kReturn}, kStart).kind, RuleKind::kOutermost);
}

TEST(FrameProgram, AStackPointerKeptInMemoryIsLoaded) {
  // DW_CFA_def_cfa_expression: breg(fp) -8, deref, plus_uconst 16
  const Bytes program = {0x0f, 5, static_cast<std::uint8_t>(0x70 + kFp), 0x78, 0x06, 0x23, 16};
  const FrameRule rule = run(kInitial, program, kStart);
  EXPECT_EQ(rule.kind, RuleKind::kStep);
  EXPECT_EQ(rule.cfaBase, Base::kFramePointer);
  EXPECT_EQ(rule.cfaOffset, -8);
  EXPECT_TRUE(rule.cfaLoads);
  EXPECT_EQ(rule.cfaAddend, 16);
  // A plain definition afterwards forgets the load.
  Bytes again = program;
  again.insert(again.end(), {0x0c, kSp, 8});
  EXPECT_FALSE(run(kInitial, again, kStart).cfaLoads);
}

TEST(FrameProgram, ASignalFrameFindsRegistersBesideTheStackPointer) {
  const auto bregSp = static_cast<std::uint8_t>(0x70 + kSp);
  const Bytes program = {0x0f, 4,       bregSp, 0xa0,   0x01, 0x06,   // CFA = load(sp + 160)
                         0x10, kReturn, 3,      bregSp, 0xa8, 0x01,   // return address at sp + 168
                         0x10, kFp,     3,      bregSp, 0xf8, 0x00};  // frame pointer at sp + 120
  const FrameRule rule = run({}, program, kStart, true);
  EXPECT_EQ(rule.kind, RuleKind::kStep);
  EXPECT_TRUE(rule.signalFrame);
  EXPECT_EQ(rule.cfaOffset, 160);
  EXPECT_TRUE(rule.cfaLoads);
  EXPECT_EQ(rule.returnBase, Base::kStackPointer);
  EXPECT_EQ(rule.returnOffset, 168);
  EXPECT_EQ(rule.frameBase, Base::kStackPointer);
  EXPECT_EQ(rule.frameOffset, 120);
}

TEST(FrameProgram, AFramePointerKeptBesideTheNewOneIsFound) {
  const FrameRule rule = run(kInitial, {0x10, kFp, 2, static_cast<std::uint8_t>(0x70 + kFp), 0x00}, kStart);
  EXPECT_EQ(rule.frameBase, Base::kFramePointer);
  EXPECT_EQ(rule.frameOffset, 0);
}

TEST(FrameProgram, WhatIsNotFollowedIsUnknown) {
  EXPECT_EQ(run({}, {}, kStart).kind, RuleKind::kUnknown) << "no CFA";
  EXPECT_EQ(run(kInitial, {0x0d, 3}, kStart).kind, RuleKind::kUnknown) << "CFA in another register";
  EXPECT_EQ(run(kInitial, {0x3f}, kStart).kind, RuleKind::kUnknown) << "an instruction nobody defined";
  EXPECT_EQ(run(kInitial, {0x0b}, kStart).kind, RuleKind::kUnknown) << "restore without remember";
  EXPECT_EQ(run(kInitial, {0x0e}, kStart).kind, RuleKind::kUnknown) << "cut off";
  EXPECT_EQ(run(kInitial, {0x09, kReturn, 3}, kStart).kind, RuleKind::kUnknown)
      << "return address in a register";
  EXPECT_EQ(run(kInitial, {0x0f, 1, 0x30}, kStart).kind, RuleKind::kUnknown) << "a constant as CFA";
  EXPECT_EQ(run(kInitial, Bytes(20, 0x0a), kStart).kind, RuleKind::kUnknown) << "remembers too much";
}

TEST(FrameProgram, ALostFramePointerIsNotTrusted) {
  EXPECT_EQ(run(kInitial, {0x09, kFp, 3}, kStart).frameBase, Base::kLost);
}

// Whatever bytes come, the program ends and reads nothing beyond them (the sanitizer watches).
TEST(FrameProgram, RandomBytesDoNoHarm) {
  base::Random random(3);
  for (int i = 0; i < 200'000; ++i) {
    Bytes program(random.next() % 24);
    for (auto& byte : program) byte = static_cast<std::uint8_t>(random.next());
    run(kInitial, program, kStart + random.next() % 64);
  }
}

}  // namespace
}  // namespace heapprof::sampling

// Does a stack leak? One verdict from its history, with what it rests on.
//
// The verdicts, in the order in which they are tried:
//   few samples           nothing can be said
//   growing               three dumps or more: it grew beyond error, goes on growing at the pace it had, does
//                         not fall between, and what was added early is still there
//   old, never freed      most of its objects die young, but some, born all along, have outlived them many
//                         times
//   shrinking             fell beyond error
//   grew                  between two dumps, beyond error: the third tells a leak from what was filled once
//   levelled off          grew and stopped, or slows down: a cache that fills
//   comes and goes        most of what it allocates is freed again
//   still allocating      in one or two dumps: nothing was ever freed and it goes on; a leak or a cache that
//                         fills
//   one-off               allocated in one go and kept
//   unclear               one dump, and none of these
//   steady                none of these
//
// Invariant: pure. "growing" needs evidence from growth and from ages; each threshold is in Limits with its
// reason.
#pragma once

#include <string>

#include "profiler/analysis/stack_history.h"

namespace heapprof::analysis {

enum class LeakVerdict {
  kGrowing,
  kOldNeverFreed,
  kGrew,
  kStillAllocating,
  kComesAndGoes,
  kLevelledOff,
  kOneOff,
  kUnclear,
  kSteady,
  kShrinking,
  kFewSamples
};

const char* verdictName(LeakVerdict verdict);
bool isSuspect(LeakVerdict verdict);  // growing; old, never freed

struct LeakJudgement {
  LeakVerdict verdict = LeakVerdict::kFewSamples;
  std::string evidence;              // one sentence with its figures
  double slope = 0, slopeError = 0;  // bytes a second, over all dumps; error NaN with one dump
  double growth = 0, growthError = 0;
  double oldBytes = 0;  // of "old, never freed": what outlived its siblings
};

struct Limits {
  double samples = 6;          // fewer: chance alone makes any shape
  double growthErrors = 3;     // standard errors of growth; at 2 one stack in 40 would grow by chance
  double slower = 0.85;        // late pace over the whole pace, and
  double slowsByErrors = 2;    // standard errors by which births come early: both, and it levels off
  double slowerUnaged = 0.75;  // late pace plus its error, where ages are not known
  double fasterThan = 1.6;     // the same: above, the early part did not grow
  double freesSome = 0.25;     // of its objects: then growth alone does not make a leak
  double fallsBy = 0.3;        // of the range: a fall between dumps that makes it a sawtooth, and
  double fallErrors = 2;       // standard errors that do not count as fallen
  double keptOfEarly = 0.3;    // of what was added in the first half, what must still live
  double outlives = 8;         // times the age that 99% of dead siblings reached
  double diesYoung = 0.5;      // of its objects: those that die, to call the others old
  double spread = 0.12;        // least part of the old in each third of the time: else they came in one go
  double oneGo = 0.9;          // of its bytes born within a fifth of the time
};

LeakJudgement judge(const StackHistory& stack, const std::vector<DumpMoment>& dumps, bool oneProcess,
                    const Limits& limits = {});

}  // namespace heapprof::analysis

#include "profiler/analysis/leak_verdict.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

using model::bytesText;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

std::string timeText(double seconds) {
  return model::scaledLabel(std::llround(seconds * 1e9), "ns", "auto");
}
std::string percentText(double share) {
  return absl::StrFormat("%.0f%%", 100 * share);
}

// Weighted regression over time. Weights are the dumps' variances; where the points scatter more than these
// allow, the error grows with them.
void fitSlope(const StackHistory& stack, const std::vector<DumpMoment>& dumps, LeakJudgement* out) {
  out->slopeError = kUnknown;
  double sw = 0, st = 0, sy = 0, stt = 0, sty = 0, largest = 0;
  for (const StackPoint& point : stack.points) largest = std::max(largest, point.variance);
  auto weightOf = [largest](const StackPoint& point) {
    // A dump with few samples is not a certain one: no variance below a tenth of the largest.
    return largest > 0 ? 1 / std::max(point.variance, 0.1 * largest) : 1.0;
  };
  for (std::size_t i = 0; i < dumps.size(); ++i) {
    const double w = weightOf(stack.points[i]), t = dumps[i].seconds, y = stack.points[i].bytes;
    sw += w, st += w * t, sy += w * y, stt += w * t * t, sty += w * t * y;
  }
  const double spread = stt - st * st / sw;
  if (dumps.size() < 2 || !(spread > 0)) return;
  out->slope = (sty - st * sy / sw) / spread;
  const double start = (sy - out->slope * st) / sw;
  double scatter = 0;
  for (std::size_t i = 0; i < dumps.size(); ++i) {
    const double off = stack.points[i].bytes - start - out->slope * dumps[i].seconds;
    scatter += weightOf(stack.points[i]) * off * off;
  }
  const double freedom = static_cast<double>(dumps.size()) - 2;
  const double inflation = freedom > 0 ? std::max(largest > 0 ? 1.0 : 0.0, scatter / freedom) : 1;
  out->slopeError = std::sqrt(inflation / spread);
}

// Error of what changed between two dumps. Objects that live in both are the same samples, so within a
// process only births and deaths in between count; else both dumps' errors do.
double changeVariance(const StackPoint& from, const StackPoint& to, bool oneProcess) {
  const double apart = from.variance + to.variance;
  const double between = to.bornVariance - from.bornVariance + to.diedVariance - from.diedVariance;
  return oneProcess && between >= 0 ? std::min(apart, between) : apart;
}

class Judge {
 public:
  Judge(const StackHistory& stack, const std::vector<DumpMoment>& dumps, bool oneProcess,
        const Limits& limits)
      : stack_(stack), dumps_(dumps), oneProcess_(oneProcess), limits_(limits) {}

  LeakJudgement run() {
    fitSlope(stack_, dumps_, &out_);
    const StackPoint &first = stack_.points.front(), &last = stack_.points.back();
    out_.growth = last.bytes - first.bytes;
    out_.growthError = std::sqrt(changeVariance(first, last, oneProcess_));
    double most = 0;
    for (const StackPoint& point : stack_.points) most = std::max(most, point.samples);
    measureAges();
    if (most < limits_.samples)
      return say(LeakVerdict::kFewSamples,
                 absl::StrCat("never more than ", most, most == 1 ? " sample" : " samples"));
    if (isGrowing()) return out_;
    if (isOldNeverFreed()) return out_;
    if (dumps_.size() >= 2 && -out_.growth > limits_.growthErrors * out_.growthError) {
      return say(LeakVerdict::kShrinking, absl::StrCat(changed(), " since the first dump"));
    }
    byShape();
    const bool goesOn = out_.verdict == LeakVerdict::kStillAllocating;
    return dumps_.size() == 2 && grewBeyondError() && !goesOn ? say(LeakVerdict::kGrew, howItGrew()) : out_;
  }

 private:
  LeakJudgement say(LeakVerdict verdict, std::string evidence) {
    out_.verdict = verdict;
    out_.evidence = std::move(evidence);
    return out_;
  }
  std::string changed() const {
    return absl::StrCat(model::bytesWithError(out_.growth, out_.growthError, true), " in ", timeText(span()));
  }
  double span() const { return dumps_.back().seconds - dumps_.front().seconds; }
  double freedShare() const { return stack_.allocated > 0 ? stack_.freed / stack_.allocated : 0; }

  // Bytes that live at the last dump and were born within (from, to], in seconds on the dumps' clock.
  double bornWithin(double from, double to) const {
    double bytes = 0;
    for (const LiveAge& age : stack_.ages) {
      const double born = dumps_.back().seconds - age.seconds;
      if (born > from && born <= to) bytes += age.bytes;
    }
    return bytes;
  }

  // Laplace's test on births since the first dump of what lives: standard errors by which their mean time
  // lies after the middle. A steady leak gives 0; what slows down, less; it sees more than growth by halves
  // does.
  double birthTrend() const {
    double sum = 0, count = 0;
    for (const LiveAge& age : stack_.ages) {
      const double born = span() - age.seconds;
      if (born <= 0) continue;
      sum += born;
      count += 1;
    }
    return count > 0 ? (sum / count - span() / 2) / (span() / std::sqrt(12 * count)) : 0;
  }

  void measureAges() {
    double dead = 0;
    for (double count : stack_.lifetimes) dead += count;
    double below = 0;
    for (std::size_t bucket = 0; bucket < kLifetimeBuckets && dead > 0; ++bucket) {
      below += stack_.lifetimes[bucket];
      const double end = std::ldexp(1e-9, static_cast<int>(bucket) + 1);
      if (medianLife_ == 0 && below >= 0.5 * dead) medianLife_ = end;
      if (below >= 0.99 * dead) {
        longLife_ = end;
        break;
      }
    }
    for (const LiveAge& age : stack_.ages) {
      liveBytes_ += age.bytes;
      if (longLife_ > 0 && age.seconds > longLife_) outlived_ += age.bytes;
    }
  }

  // Kaplan-Meier: the share of its objects that live longer than `seconds`. Those that live now count as long
  // as they have lived, and then drop out; without them young programs would seem to free all they ever will.
  double survival(double seconds) const {
    double atRiskDead = 0;
    for (double count : stack_.lifetimes) atRiskDead += count;
    double share = 1;
    std::size_t younger = stack_.ages.size();  // live ones of at least the bucket's age are [0, younger)
    for (std::size_t bucket = 0; bucket < kLifetimeBuckets; ++bucket) {
      const double start = bucket == 0 ? 0 : std::ldexp(1e-9, static_cast<int>(bucket));
      if (start >= seconds) break;
      while (younger > 0 && stack_.ages[younger - 1].seconds < start) --younger;
      const double atRisk = atRiskDead + static_cast<double>(younger);
      if (atRisk > 0) share *= 1 - stack_.lifetimes[bucket] / atRisk;
      atRiskDead -= stack_.lifetimes[bucket];
    }
    return share;
  }

  // The dump that halves the time.
  std::size_t middle() const {
    std::size_t at = 1;
    while (at + 2 < dumps_.size() && dumps_[at].seconds < dumps_.front().seconds + span() / 2) ++at;
    return at;
  }

  // Late pace over the whole one; its standard error from births and deaths of both parts.
  double latePace(double* error) const {
    const std::size_t mid = middle();
    const StackPoint &a = stack_.points.front(), &b = stack_.points[mid], &c = stack_.points.back();
    const double late = dumps_.back().seconds - dumps_[mid].seconds;
    const double pace = out_.growth / span();
    if (!(late > 0) || pace == 0) return 0;
    const double ratio = (c.bytes - b.bytes) / late / pace;
    // d ratio: the late part enters both, the early one only the whole.
    const double lateShare = (1 - ratio * late / span()) / (late * pace);
    const double earlyShare = ratio / out_.growth;
    *error = std::sqrt(lateShare * lateShare * changeVariance(b, c, oneProcess_) +
                       earlyShare * earlyShare * changeVariance(a, b, oneProcess_));
    return ratio;
  }

  // What surely fell between two dumps, as a share of the range: of many dumps of a noisy rise some lie lower
  // than the one before by chance, and the error of a fall is not a part of it.
  double deepestFall() const {
    double lowest = stack_.points[0].bytes, highest = lowest, fall = 0;
    for (std::size_t i = 1; i < stack_.points.size(); ++i) {
      const double down = stack_.points[i - 1].bytes - stack_.points[i].bytes;
      const double error = std::sqrt(changeVariance(stack_.points[i - 1], stack_.points[i], oneProcess_));
      fall = std::max(fall, down - limits_.fallErrors * error);
      lowest = std::min(lowest, stack_.points[i].bytes);
      highest = std::max(highest, stack_.points[i].bytes);
    }
    return highest > lowest ? fall / (highest - lowest) : 0;
  }

  bool grewBeyondError() const {
    return out_.growth > 0 && out_.growth > limits_.growthErrors * out_.growthError;
  }

  bool isGrowing() {
    if (dumps_.size() < 3 || !(span() > 0) || !grewBeyondError()) return false;
    double paceError = 0;
    const double pace = latePace(&paceError);
    const bool agesKnown = oneProcess_ && !stack_.ages.empty();
    const bool slows = agesKnown ? pace < limits_.slower && birthTrend() < -limits_.slowsByErrors
                                 : pace + std::min(paceError, 0.5) < limits_.slowerUnaged;
    if (slows || deepestFall() > limits_.fallsBy) return false;
    const std::size_t mid = middle();
    const double added = stack_.points[mid].bytes - stack_.points[0].bytes;
    const double kept = bornWithin(dumps_.front().seconds, dumps_[mid].seconds);
    if (agesKnown && kept < limits_.keptOfEarly * added) return false;
    // All that lives is no older than what dies: it may die as well, and three dumps did not wait for it.
    if (agesKnown && freedShare() > limits_.freesSome && outlived_ < 0.1 * liveBytes_ && dumps_.size() < 6) {
      return false;
    }
    // All growth is late and it frees at other times: a sawtooth on its way up.
    if (pace - paceError > limits_.fasterThan && freedShare() > limits_.freesSome) return false;
    std::string evidence = changed();
    absl::StrAppend(&evidence, ", lately at ", percentText(pace), " of its average pace");
    if (agesKnown) {
      absl::StrAppend(&evidence, freedShare() == 0 ? std::string("; nothing was freed")
                                                   : absl::StrCat("; ", percentText(freedShare()),
                                                                  " of its objects were freed"));
    }
    say(LeakVerdict::kGrowing, std::move(evidence));
    return true;
  }

  bool isOldNeverFreed() {
    if (stack_.freed < limits_.samples || longLife_ == 0) return false;
    const double outlive = survival(longLife_);
    if (1 - outlive < limits_.diesYoung) return false;
    const double age = limits_.outlives * longLife_;
    const double uptime = dumps_.back().uptime;
    if (!(uptime > 2 * age)) return false;
    double thirds[3] = {0, 0, 0}, count = 0;
    for (const LiveAge& one : stack_.ages) {
      if (one.seconds <= age) continue;
      const double at = (uptime - one.seconds) / (uptime - age);  // 0: at the start, 1: just old enough
      thirds[std::clamp(static_cast<int>(at * 3), 0, 2)] += one.bytes;
      out_.oldBytes += one.bytes;
      count += 1;
    }
    const double least = std::min({thirds[0], thirds[1], thirds[2]});
    if (count < limits_.samples || least < limits_.spread * out_.oldBytes) return false;
    say(LeakVerdict::kOldNeverFreed,
        absl::StrCat(bytesText(out_.oldBytes), " are older than ", timeText(age), ", born all along; ",
                     absl::StrFormat("%.1f%%", 100 * (1 - outlive)),
                     " of their siblings do not live longer than ", timeText(longLife_),
                     ", half of those that were freed no longer than ", timeText(medianLife_)));
    return true;
  }

  // What two dumps do know: a shape would say that it is over, and that they cannot see.
  std::string howItGrew() const {
    std::string evidence = changed();
    if (!stack_.ages.empty()) {
      absl::StrAppend(&evidence, "; ",
                      freedShare() == 0 ? "nothing was" : absl::StrCat(percentText(freedShare()), " were"),
                      " freed, the last born ", timeText(stack_.ages.back().seconds), " ago");
    }
    return absl::StrCat(evidence, "; a third dump tells whether it goes on");
  }

  // When what lives was born: share of the bytes in the fifth of the process's time that has most, and its
  // end.
  double densestFifth(double* end) const {
    const double uptime = dumps_.back().uptime;
    double best = 0, sum = 0;
    std::size_t tail = 0;
    for (std::size_t head = 0; head < stack_.ages.size(); ++head) {  // oldest first
      sum += stack_.ages[head].bytes;
      while (stack_.ages[tail].seconds - stack_.ages[head].seconds > uptime / 5)
        sum -= stack_.ages[tail++].bytes;
      if (sum > best) {
        best = sum;
        *end = uptime - stack_.ages[head].seconds;
      }
    }
    return liveBytes_ > 0 ? best / liveBytes_ : 0;
  }

  LeakJudgement byShape() {
    const double freed = freedShare();
    const StackPoint& last = stack_.points.back();
    if (dumps_.size() >= 2 && (deepestFall() > limits_.fallsBy || last.samples == 0) && freed > 0) {
      return say(LeakVerdict::kComesAndGoes,
                 absl::StrCat("rises and falls; ", percentText(freed), " of its objects were freed"));
    }
    if (freed > limits_.diesYoung) {
      return say(LeakVerdict::kComesAndGoes,
                 absl::StrCat(percentText(freed), " of its objects were freed, half of these within ",
                              timeText(medianLife_), dumps_.size() > 1 ? "; " + changed() : ""));
    }
    if (grewBeyondError() && dumps_.size() >= 3) {
      double error = 0;
      const double pace = latePace(&error);
      return say(LeakVerdict::kLevelledOff, absl::StrCat(changed(), ", but lately at ",
                                                         percentText(std::max(0.0, pace)), " of that pace"));
    }
    if (stack_.ages.empty()) {  // nothing is known of when what lives was born
      return say(withoutShape(), absl::StrCat(percentText(freed), " of its objects were freed"));
    }
    double end = 0;
    const double dense = densestFifth(&end);
    const double uptime = dumps_.back().uptime;
    const bool quiet = uptime > 0 && stack_.ages.back().seconds > 0.2 * uptime;
    if (dense >= limits_.oneGo && quiet) {
      return say(LeakVerdict::kOneOff,
                 absl::StrCat(percentText(dense), " was allocated by ", timeText(end),
                              " after the start, and nothing for ", timeText(stack_.ages.back().seconds)));
    }
    if (quiet) {
      return say(LeakVerdict::kLevelledOff,
                 absl::StrCat("nothing was added for ", timeText(stack_.ages.back().seconds)));
    }
    if (freed == 0 && dumps_.size() < 3 && dense < limits_.oneGo) {
      return say(LeakVerdict::kStillAllocating,
                 absl::StrCat(dumps_.size() > 1 ? changed() + "; " : "", "nothing was freed in ",
                              timeText(uptime), ", the last born ", timeText(stack_.ages.back().seconds),
                              " ago; dumps later on tell a leak from a cache that fills"));
    }
    return say(withoutShape(), dumps_.size() > 1 ? changed()
                                                 : absl::StrCat(percentText(freed),
                                                                " of its objects were freed; one dump does "
                                                                "not tell what becomes of the others"));
  }
  // One dump does not see that nothing changes.
  LeakVerdict withoutShape() const {
    return dumps_.size() > 1 ? LeakVerdict::kSteady : LeakVerdict::kUnclear;
  }

  const StackHistory& stack_;
  const std::vector<DumpMoment>& dumps_;
  const bool oneProcess_;
  const Limits& limits_;
  LeakJudgement out_;
  double medianLife_ = 0, longLife_ = 0;  // ages that half and 99% of the dead did not pass
  double liveBytes_ = 0, outlived_ = 0;
};

}  // namespace

const char* verdictName(LeakVerdict verdict) {
  switch (verdict) {
    case LeakVerdict::kGrowing:
      return "growing";
    case LeakVerdict::kOldNeverFreed:
      return "old, never freed";
    case LeakVerdict::kGrew:
      return "grew";
    case LeakVerdict::kStillAllocating:
      return "still allocating";
    case LeakVerdict::kComesAndGoes:
      return "comes and goes";
    case LeakVerdict::kLevelledOff:
      return "levelled off";
    case LeakVerdict::kOneOff:
      return "one-off";
    case LeakVerdict::kUnclear:
      return "unclear";
    case LeakVerdict::kSteady:
      return "steady";
    case LeakVerdict::kShrinking:
      return "shrinking";
    case LeakVerdict::kFewSamples:
      return "few samples";
  }
  return "few samples";
}

bool isSuspect(LeakVerdict verdict) {
  return verdict == LeakVerdict::kGrowing || verdict == LeakVerdict::kOldNeverFreed;
}

LeakJudgement judge(const StackHistory& stack, const std::vector<DumpMoment>& dumps, bool oneProcess,
                    const Limits& limits) {
  return Judge(stack, dumps, oneProcess, limits).run();
}

}  // namespace heapprof::analysis

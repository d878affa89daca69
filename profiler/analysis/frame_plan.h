// What pprof does to locations before it counts: the allocator's own frames dropped (drop_frames of the
// dump), then focus, ignore, hide, show and show_from. Decided once a location, so that a sample costs flag
// tests only.
//
// Invariant: built once, then immutable. A location's remaining frames are frames(i); the flags say what a
// sample that passes through it must do. The order of the steps and their oddities are pprof's: -show hides
// frames without symbols.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

#include "profiler/analysis/filters.h"
#include "profiler/analysis/location_union.h"

namespace heapprof::analysis {

class FramePlan {
 public:
  using Frame = LocationUnion::Frame;

  // dropFrames, keepFrames: the dump's; one that does not compile is not applied, as in pprof, and noted.
  FramePlan(const LocationUnion& locations, absl::string_view dropFrames, absl::string_view keepFrames,
            const CompiledFilters& filters);

  absl::Span<const Frame> frames(std::uint32_t location) const {
    return absl::MakeConstSpan(frames_).subspan(begin_[location], end_[location] - begin_[location]);
  }

  // Cuts and filters a stack (leaf first) in place, without its values. False: the sample is filtered out.
  bool apply(std::vector<std::uint32_t>* stack) const;

  // One line for each expression that matched nothing, and for drop_frames that do not compile.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  enum Flag : std::uint8_t {
    kPrune = 1,
    kPruneBeneath = 2,
    kFocused = 4,
    kIgnored = 8,
    kHidden = 16,
    kShownFrom = 32
  };

  void prune(const LocationUnion& locations, const re2::RE2& drop, const re2::RE2* keep);
  void filter(const LocationUnion& locations, const CompiledFilters& filters);
  void showFrom(const LocationUnion& locations, const re2::RE2& regex);

  std::vector<Frame> frames_;
  std::vector<std::uint32_t> begin_, end_;
  std::vector<std::uint8_t> flags_;
  bool prunes_ = false, hides_ = false, showsFrom_ = false;
  std::vector<std::string> notes_;
};

}  // namespace heapprof::analysis

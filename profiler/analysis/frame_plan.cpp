#include "profiler/analysis/frame_plan.h"

#include <algorithm>
#include <re2/re2.h>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace heapprof::analysis {
namespace {

// One expression against the names of all functions (name or file) and mappings (file).
struct Matched {
  std::vector<std::uint8_t> functions;
  std::vector<std::uint8_t> mappings;

  Matched(const LocationUnion& locations, const re2::RE2& regex) {
    const StringPool& strings = locations.strings();
    for (const LocationUnion::Function& function : locations.functions()) {
      functions.push_back(matches(regex, strings[function.name]) || matches(regex, strings[function.file]));
    }
    for (const LocationUnion::Mapping& mapping : locations.mappings()) {
      mappings.push_back(matches(regex, strings[mapping.file]));
    }
  }
  bool mapping(const LocationUnion::Location& location) const {
    return location.mapping != kNone && mappings[location.mapping] != 0;
  }
  bool frame(const LocationUnion::Frame& frame) const {
    return frame.function != kNone && functions[frame.function] != 0;
  }
};

// The name without its argument list; "(anonymous namespace)" and "operator()" are part of a name.
absl::string_view withoutArguments(absl::string_view name) {
  constexpr absl::string_view kAnonymous = "(anonymous namespace)", kCall = "operator()";
  absl::ConsumePrefix(&name, ".");
  for (std::size_t at = 0; at < name.size();) {
    absl::string_view rest = name.substr(at);
    if (absl::StartsWith(rest, kAnonymous)) {
      at += kAnonymous.size();
    } else if (absl::StartsWith(rest, kCall)) {
      at += kCall.size();
    } else if (rest.front() == '(') {
      return name.substr(0, at);
    } else {
      ++at;
    }
  }
  return name;
}

absl::StatusOr<RegexPtr> wholeName(absl::string_view pattern) {
  if (pattern.empty()) return RegexPtr();
  return compileRegex("drop_frames", absl::StrCat("^(", pattern, ")$"));
}

}  // namespace

FramePlan::FramePlan(const LocationUnion& locations, absl::string_view dropFrames,
                     absl::string_view keepFrames, const CompiledFilters& filters) {
  for (const LocationUnion::Location& location : locations.locations()) {
    begin_.push_back(static_cast<std::uint32_t>(frames_.size()));
    absl::Span<const Frame> own = locations.framesOf(location);
    frames_.insert(frames_.end(), own.begin(), own.end());
    end_.push_back(static_cast<std::uint32_t>(frames_.size()));
  }
  flags_.assign(begin_.size(), 0);
  absl::StatusOr<RegexPtr> drop = wholeName(dropFrames), keep = wholeName(keepFrames);
  if (!drop.ok() || !keep.ok()) {
    notes_.push_back("the dump's drop_frames is not a regular expression: no frames are dropped");
  } else if (*drop) {
    prune(locations, **drop, keep->get());
  }
  filter(locations, filters);
}

void FramePlan::prune(const LocationUnion& locations, const re2::RE2& drop, const re2::RE2* keep) {
  prunes_ = true;
  std::vector<std::uint8_t> dropped;
  for (const LocationUnion::Function& function : locations.functions()) {
    absl::string_view name = withoutArguments(locations.strings()[function.name]);
    dropped.push_back(function.name != 0 && matches(drop, name) &&
                      (keep == nullptr || !matches(*keep, name)));
  }
  for (std::uint32_t i = 0; i < begin_.size(); ++i) {
    std::uint32_t frame = end_[i];
    while (frame > begin_[i] &&
           !(frames_[frame - 1].function != kNone && dropped[frames_[frame - 1].function])) {
      --frame;
    }
    if (frame == begin_[i]) continue;
    flags_[i] |= kPruneBeneath;
    if (frame == end_[i]) {
      flags_[i] |= kPrune;
    } else {
      begin_[i] = frame;  // what was inlined into the dropped frame goes with it
    }
  }
}

void FramePlan::filter(const LocationUnion& locations, const CompiledFilters& filters) {
  auto matched = [&locations](const RegexPtr& regex) {
    return regex ? absl::optional<Matched>(Matched(locations, *regex)) : absl::nullopt;
  };
  const auto focus = matched(filters.focus), ignore = matched(filters.ignore);
  const auto hide = matched(filters.hide), show = matched(filters.show);
  bool focusHit = false, ignoreHit = false, hideHit = false, showHit = false;
  std::vector<std::uint8_t> kept;
  for (std::uint32_t i = 0; i < begin_.size(); ++i) {
    const LocationUnion::Location& location = locations.locations()[i];
    auto hits = [&](const Matched& names) {
      absl::Span<const Frame> own = frames(i);
      return names.mapping(location) ||
             std::any_of(own.begin(), own.end(), [&](const Frame& frame) { return names.frame(frame); });
    };
    if (ignore && hits(*ignore)) {
      flags_[i] |= kIgnored;
      ignoreHit = true;
    } else if (!focus || hits(*focus)) {
      flags_[i] |= kFocused;
      focusHit = true;
    }
    auto keepWhere = [&](const auto& keep) {
      std::uint32_t out = begin_[i];
      for (std::uint32_t at = begin_[i]; at < end_[i]; ++at) {
        if (keep(frames_[at])) frames_[out++] = frames_[at];
      }
      end_[i] = out;
      if (begin_[i] == end_[i]) flags_[i] |= kHidden;
    };
    if (hide && hits(*hide)) {
      hideHit = true;
      const bool all = hide->mapping(location);
      keepWhere([&](const Frame& frame) { return !all && !hide->frame(frame); });
    }
    if (show) {
      const bool all = show->mapping(location);
      keepWhere([&](const Frame& frame) { return all || frame.function == kNone || show->frame(frame); });
      showHit = showHit || begin_[i] != end_[i];
    }
    hides_ = hides_ || (flags_[i] & kHidden) != 0;
  }
  auto note = [this](bool given, bool hit, absl::string_view option) {
    if (given && !hit) notes_.push_back(absl::StrCat(option, " expression matched no samples"));
  };
  note(filters.focus != nullptr, focusHit, "Focus");
  note(filters.ignore != nullptr, ignoreHit, "Ignore");
  note(filters.hide != nullptr, hideHit, "Hide");
  note(filters.show != nullptr, showHit, "Show");
  if (filters.showFrom) showFrom(locations, *filters.showFrom);
}

// Frames outside of the outermost match are cut off within its location, too.
void FramePlan::showFrom(const LocationUnion& locations, const re2::RE2& regex) {
  showsFrom_ = true;
  const Matched names(locations, regex);
  bool hit = false;
  for (std::uint32_t i = 0; i < begin_.size(); ++i) {
    if (!names.mapping(locations.locations()[i])) {
      std::uint32_t end = end_[i];
      while (end > begin_[i] && !names.frame(frames_[end - 1])) --end;
      if (end == begin_[i]) continue;
      end_[i] = end;
    }
    flags_[i] |= kShownFrom;
    hit = true;
  }
  if (!hit) notes_.push_back("ShowFrom expression matched no samples");
}

bool FramePlan::apply(std::vector<std::uint32_t>* stack) const {
  if (prunes_) {
    bool foundUser = false;  // frames before the first one of the program are kept, lest nothing be left
    for (std::size_t i = stack->size(); i-- > 0;) {
      const std::uint8_t flags = flags_[(*stack)[i]];
      if ((flags & (kPrune | kPruneBeneath)) == 0) {
        foundUser = true;
      } else if (foundUser) {
        const std::size_t first = (flags & kPrune) != 0 ? i + 1 : i;
        stack->erase(stack->begin(), stack->begin() + static_cast<std::ptrdiff_t>(first));
        break;
      }
    }
  }
  bool focused = false;
  for (std::uint32_t location : *stack) {
    if ((flags_[location] & kIgnored) != 0) return false;
    focused = focused || (flags_[location] & kFocused) != 0;
  }
  if (!focused) return false;
  if (hides_) {
    stack->erase(std::remove_if(stack->begin(), stack->end(),
                                [this](std::uint32_t location) { return (flags_[location] & kHidden) != 0; }),
                 stack->end());
    if (stack->empty()) return false;
  }
  if (showsFrom_) {
    while (!stack->empty() && (flags_[stack->back()] & kShownFrom) == 0) stack->pop_back();
    if (stack->empty()) return false;
  }
  return true;
}

}  // namespace heapprof::analysis

#include "profiler/analysis/suppressions.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace heapprof::analysis {
namespace {

constexpr absl::string_view kKnown[] = {
    "leak",     "race", "thread", "mutex", "signal",    "deadlock", "called_from_lib",
    "race_top", "fun",  "obj",    "src",   "vptr_check"};

}  // namespace

absl::StatusOr<std::vector<Suppression>> parseSuppressions(absl::string_view text, absl::string_view name) {
  std::vector<Suppression> all;
  std::size_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t colon = line.find(':');
    const absl::string_view kind = line.substr(0, colon);
    bool known = false;
    for (absl::string_view one : kKnown) known = known || kind == one;
    if (colon == absl::string_view::npos || !known || colon + 1 == line.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": line ", number, ": not a suppression; write leak:PATTERN"));
    }
    if (kind == "leak") all.push_back({std::string(line.substr(colon + 1)), 0, 0});
  }
  return all;
}

bool suppresses(absl::string_view pattern, absl::string_view name) {
  if (name.empty() || pattern.empty()) return false;
  const bool fromStart = absl::ConsumePrefix(&pattern, "^");
  const bool toEnd = absl::ConsumeSuffix(&pattern, "$");
  std::vector<absl::string_view> pieces = absl::StrSplit(pattern, '*');
  std::size_t at = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const bool last = i + 1 == pieces.size();
    if (i == 0 && fromStart) {
      if (!absl::ConsumePrefix(&name, pieces[i])) return false;
      if (last) return !toEnd || name.empty();
      continue;
    }
    if (last && toEnd) return name.size() >= at && absl::EndsWith(name.substr(at), pieces[i]);
    at = name.find(pieces[i], at);
    if (at == absl::string_view::npos) return false;
    at += pieces[i].size();
  }
  return true;
}

Suppression* findSuppression(std::vector<Suppression>& all, absl::string_view frames,
                             absl::string_view files) {
  for (Suppression& one : all) {
    for (absl::string_view names : {frames, files}) {
      for (absl::string_view name : absl::StrSplit(names, '\n')) {
        if (suppresses(one.pattern, name)) return &one;
      }
    }
  }
  return nullptr;
}

}  // namespace heapprof::analysis

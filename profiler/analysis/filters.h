// pprof's filters, compiled: regular expressions in RE2's syntax (pprof's own) and tag filters with ranges.
//
// Invariant: compile() checks every expression and names the one that is wrong; matching is const and
// thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "profiler/model/query.h"

namespace re2 {
class RE2;
}

namespace heapprof::analysis {

using RegexPtr = std::shared_ptr<const re2::RE2>;  // null: none given

// `name` stands in the error: "focus".
absl::StatusOr<RegexPtr> compileRegex(absl::string_view name, absl::string_view pattern);
bool matches(const re2::RE2& regex, absl::string_view text);

// A label's value range, as "32kb", ":64kb", "4mb:", "12kb:64mb".
using NumberFilter = std::function<bool(std::int64_t value, absl::string_view unit)>;

// One -tagfocus or -tagignore: [key=]range, or [key=]regex[,regex...]. Without a key all of the expressions
// must match some "key:value"; with one, any of them some value of that key.
struct TagFilter {
  std::string key;
  NumberFilter number;  // else regexes
  std::vector<RegexPtr> regexes;
};

struct CompiledFilters {
  RegexPtr focus, ignore, hide, show, showFrom;
  std::vector<TagFilter> tagFocus,
      tagIgnore;  // a sample is kept if it passes all of tagFocus and none of tagIgnore
  bool hasTags() const { return !tagFocus.empty() || !tagIgnore.empty(); }
};

absl::StatusOr<CompiledFilters> compile(const model::Filters& filters);

// In the order in which pprof lists them under "Active filters:": "focus=...".
std::vector<std::string> activeFilters(const model::Filters& filters);

}  // namespace heapprof::analysis

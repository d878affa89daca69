// Suppressions in LeakSanitizer's format, from a file of anybody's: an error names the file and a line that
// is there; a pattern matches what a table filled cell by cell says it does. Input: the file, a NUL, a name.
#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "profiler/analysis/suppressions.h"
#include "tests/fuzz/property.h"

namespace {

using heapprof::fuzz::require;

// The slow, obvious way: matches[n] after each sign of the pattern says whether it can end before name[n].
bool matchesByTable(absl::string_view pattern, absl::string_view name) {
  if (pattern.empty() || name.empty()) return false;
  const bool fromStart = absl::ConsumePrefix(&pattern, "^");
  const bool toEnd = absl::ConsumeSuffix(&pattern, "$");
  const std::string glob = absl::StrCat(fromStart ? "" : "*", pattern, toEnd ? "" : "*");
  std::vector<bool> matches(name.size() + 1, false);
  matches[0] = true;
  for (const char sign : glob) {
    std::vector<bool> next(name.size() + 1, false);
    for (std::size_t n = 0; n <= name.size(); ++n) {
      next[n] =
          sign == '*' ? matches[n] || (n > 0 && next[n - 1]) : n > 0 && matches[n - 1] && name[n - 1] == sign;
    }
    matches = std::move(next);
  }
  return matches[name.size()];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace analysis = heapprof::analysis;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t nul = std::min(input.find('\0'), input.size());
  const absl::string_view text = input.substr(0, nul);
  const absl::string_view name = input.substr(std::min(nul + 1, input.size()), 1000);
  auto all = analysis::parseSuppressions(text, "leaks.supp");
  if (!all.ok()) {
    heapprof::fuzz::requireOneLine(all.status(), "an error");
    require(absl::StartsWith(all.status().message(), "leaks.supp: line "), "file and line");
    return 0;
  }
  bool any = false;
  for (const analysis::Suppression& one : *all) {
    require(!one.pattern.empty() && one.pattern.find('\n') == std::string::npos, "a pattern is of one line");
    const bool found = analysis::suppresses(one.pattern, name);
    require(found == matchesByTable(one.pattern, name), absl::StrCat("matches as by table: ", one.pattern));
    any = any || found;
  }
  if (!absl::StrContains(name, '\n')) {
    require((analysis::findSuppression(*all, name, "") != nullptr) == any, "found where one matches");
  }
  return 0;
}

#include "profiler/analysis/filters.h"

#include <re2/re2.h>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/optional.h"

#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

re2::StringPiece piece(absl::string_view text) {
  return re2::StringPiece(text.data(), text.size());
}

struct Bound {
  std::int64_t value = 0;
  std::string unit;
};

// Takes "[+-]digits[letters]" from the front of `text`.
absl::optional<Bound> takeBound(absl::string_view* text) {
  std::size_t end = 0;
  if (end < text->size() && ((*text)[end] == '+' || (*text)[end] == '-')) ++end;
  const std::size_t digits = end;
  while (end < text->size() && absl::ascii_isdigit(static_cast<unsigned char>((*text)[end]))) ++end;
  Bound bound;
  if (end == digits || !absl::SimpleAtoi(text->substr(0, end), &bound.value)) return absl::nullopt;
  const std::size_t letters = end;
  while (end < text->size() && absl::ascii_isalpha(static_cast<unsigned char>((*text)[end]))) ++end;
  bound.unit = std::string(text->substr(letters, end - letters));
  text->remove_prefix(end);
  return bound;
}

// Null when `text` is not a range; it is a regular expression then. Bounds are compared in the first bound's
// unit, and values of another family of units never match.
NumberFilter parseRange(absl::string_view text) {
  const bool upTo = !text.empty() && text.front() == ':';
  if (upTo) text.remove_prefix(1);
  absl::optional<Bound> first = takeBound(&text);
  if (!first) return nullptr;
  const model::Scaled low = model::scale(first->value, first->unit, first->unit);
  if (text.empty()) {
    return [low, upTo](std::int64_t value, absl::string_view unit) {
      model::Scaled scaled = model::scale(value, unit, low.unit);
      return scaled.unit == low.unit && (upTo ? scaled.value <= low.value : scaled.value == low.value);
    };
  }
  if (upTo || text.front() != ':') return nullptr;
  text.remove_prefix(1);
  absl::optional<model::Scaled> high;
  if (!text.empty()) {
    absl::optional<Bound> second = takeBound(&text);
    if (!second || !text.empty()) return nullptr;
    high = model::scale(second->value, second->unit, low.unit);
    if (high->unit != low.unit) return nullptr;
  }
  return [low, high](std::int64_t value, absl::string_view unit) {
    model::Scaled scaled = model::scale(value, unit, low.unit);
    return scaled.unit == low.unit && scaled.value >= low.value && (!high || scaled.value <= high->value);
  };
}

absl::Status compileTags(absl::string_view name, const std::vector<std::string>& texts,
                         std::vector<TagFilter>* out) {
  for (const std::string& text : texts) {
    if (text.empty()) continue;
    TagFilter filter;
    absl::string_view value = text;
    std::size_t equals = value.find('=');
    if (equals != absl::string_view::npos) {
      filter.key = std::string(value.substr(0, equals));
      value.remove_prefix(equals + 1);
    }
    filter.number = parseRange(value);
    if (!filter.number) {
      for (absl::string_view pattern : absl::StrSplit(value, ',')) {
        absl::StatusOr<RegexPtr> regex = compileRegex(name, pattern);
        if (!regex.ok()) return regex.status();
        filter.regexes.push_back(*regex ? *regex : std::make_shared<const re2::RE2>(""));
      }
    }
    out->push_back(std::move(filter));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RegexPtr> compileRegex(absl::string_view name, absl::string_view pattern) {
  if (pattern.empty()) return RegexPtr();
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto regex = std::make_shared<const re2::RE2>(piece(pattern), options);
  if (!regex->ok()) {
    return absl::InvalidArgumentError(absl::StrCat("-", name, "=", pattern, ": ", regex->error(),
                                                   "; write a regular expression in RE2 syntax"));
  }
  return RegexPtr(std::move(regex));
}

bool matches(const re2::RE2& regex, absl::string_view text) {
  return re2::RE2::PartialMatch(piece(text), regex);
}

absl::StatusOr<CompiledFilters> compile(const model::Filters& filters) {
  CompiledFilters compiled;
  const struct {
    const char* name;
    const std::string& pattern;
    RegexPtr& regex;
  } rows[] = {{"focus", filters.focus, compiled.focus},
              {"ignore", filters.ignore, compiled.ignore},
              {"hide", filters.hide, compiled.hide},
              {"show", filters.show, compiled.show},
              {"show_from", filters.showFrom, compiled.showFrom}};
  for (const auto& row : rows) {
    absl::StatusOr<RegexPtr> regex = compileRegex(row.name, row.pattern);
    if (!regex.ok()) return regex.status();
    row.regex = *regex;
  }
  absl::Status status = compileTags("tagfocus", filters.tagFocus, &compiled.tagFocus);
  if (status.ok()) status = compileTags("tagignore", filters.tagIgnore, &compiled.tagIgnore);
  if (!status.ok()) return status;
  return compiled;
}

std::vector<std::string> activeFilters(const model::Filters& filters) {
  std::vector<std::string> active;
  auto add = [&active](absl::string_view name, absl::string_view value) {
    if (!value.empty()) active.push_back(absl::StrCat(name, "=", value));
  };
  add("focus", filters.focus);
  add("ignore", filters.ignore);
  add("hide", filters.hide);
  add("show", filters.show);
  add("show_from", filters.showFrom);
  for (const std::string& tag : filters.tagFocus) add("tagfocus", tag);
  for (const std::string& tag : filters.tagIgnore) add("tagignore", tag);
  return active;
}

}  // namespace heapprof::analysis

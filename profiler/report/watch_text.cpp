#include "profiler/report/watch_text.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "profiler/model/units.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

const Fact* find(const std::vector<Fact>& facts, const std::string& id) {
  for (const Fact& fact : facts) {
    if (fact.id == id && fact.value) return &fact;
  }
  return nullptr;
}

// "41.20MB +1.50MB": the change only where there is one.
std::string figureText(const Watch& watch, const std::string& id) {
  const Fact* now = find(watch.facts, id);
  if (now == nullptr) return "unknown";
  std::string text = model::bytesText(*now->value);
  const Fact* before = find(watch.lastFacts, id);
  if (before != nullptr && *now->value != *before->value)
    absl::StrAppend(&text, " ", model::bytesText(*now->value - *before->value, true));
  return text;
}

double secondsSince(const Watch& watch) {
  const Fact* now = find(watch.facts, "monotonic_nanos");
  const Fact* before = find(watch.lastFacts, "monotonic_nanos");
  return now != nullptr && before != nullptr ? (*now->value - *before->value) / 1e9 : 0;
}

std::string allocationRate(const Watch& watch) {
  const double seconds = secondsSince(watch);
  const Fact* now = find(watch.facts, "allocated_bytes");
  const Fact* before = find(watch.lastFacts, "allocated_bytes");
  if (seconds <= 0 || now == nullptr || before == nullptr) return "";
  return absl::StrCat(", allocates ", model::bytesText((*now->value - *before->value) / seconds), "/s");
}

std::string samplingText(const Watch& watch) {
  const Fact* interval = find(watch.facts, "interval_bytes");
  if (interval == nullptr) return "unknown";
  if (*interval->value == 0) return "off";
  const Fact* samples = find(watch.facts, "live_samples");
  return absl::StrCat("every ", model::bytesText(*interval->value), ", ",
                      samples == nullptr ? "?" : model::countText(*samples->value), " live samples");
}

std::string figures(const Watch& watch) {
  std::vector<std::vector<std::string>> rows = {
      {"RSS", figureText(watch, "rss_bytes")},
      {"live", absl::StrCat(figureText(watch, "live_bytes"), allocationRate(watch))},
      {"pages", absl::StrCat(figureText(watch, "pages_used_bytes"), " in use, ",
                             figureText(watch, "pages_free_bytes"), " free and kept")},
      {"purged", absl::StrCat(figureText(watch, "purged_bytes"), ", of these back within 10 s ",
                              figureText(watch, "refaulted_10s_bytes"))},
      {"huge pages", watch.hugeBytes ? model::bytesText(*watch.hugeBytes) : "unknown"},
      {"sampling", samplingText(watch)},
  };
  return aligned(rows, {Align::kLeft, Align::kLeft}, "  ");
}

// Largest first; lines that hold nothing are left out.
std::string waterfallText(const model::Table& table) {
  const model::Column* label = table.find("label");
  const model::Column* bytes = table.find("bytes");
  const model::Column* change = table.find("change");
  if (label == nullptr || bytes == nullptr) return "";
  std::vector<std::size_t> order(table.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [bytes](std::size_t a, std::size_t b) { return bytes->values[a] > bytes->values[b]; });
  std::vector<std::vector<std::string>> rows;
  for (const std::size_t row : order) {
    if (!bytes->isKnown(row) || bytes->values[row] == 0) continue;
    const bool changed = change != nullptr && change->isKnown(row) && change->values[row] != 0;
    rows.push_back({label->texts[row], model::bytesText(bytes->values[row]),
                    changed ? model::bytesText(change->values[row], true) : ""});
  }
  if (rows.empty()) return "";
  return absl::StrCat("\nwhere RSS is\n", aligned(rows, {Align::kLeft, Align::kRight, Align::kRight}, "  "));
}

// Whole characters of UTF-8.
absl::string_view firstCharacters(absl::string_view text, std::size_t most) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const bool starts = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (starts && most-- == 0) break;
  }
  return text.substr(0, at);
}

// The lines of a stack, leaf first, in one.
std::string oneLine(const std::string& stack) {
  constexpr std::size_t kMost = 100;
  const std::string text = absl::StrReplaceAll(stack, {{"\n", " < "}});
  return characters(text) > kMost ? absl::StrCat(firstCharacters(text, kMost), "...") : text;
}

std::string stacksText(const Watch& watch) {
  const model::Table& table = watch.stacks;
  const model::Column* figure = table.find(watch.stacksAreChanges ? "change" : "held");
  const model::Column* name = table.find(watch.stacksAreChanges ? "stack" : "name");
  if (figure == nullptr || name == nullptr) return "";
  std::vector<std::vector<std::string>> rows;
  for (std::size_t row = 0; row < table.rows() && rows.size() < watch.rows; ++row) {
    if (!figure->isKnown(row) || figure->values[row] <= 0) continue;
    rows.push_back(
        {model::bytesText(figure->values[row], watch.stacksAreChanges), oneLine(name->texts[row])});
  }
  const char* title = watch.stacksAreChanges ? "grew most" : "held most";
  if (rows.empty()) return watch.stacksAreChanges ? "\nno sampled stack grew\n" : "\nnothing is sampled\n";
  return absl::StrCat("\n", title, "\n", aligned(rows, {Align::kRight, Align::kLeft}, "  "));
}

}  // namespace

std::vector<model::Table> Watch::tables() const {
  std::vector<model::Table> out;
  for (const model::Table* table : {&waterfall, &stacks}) {
    if (!table->columns.empty()) out.push_back(*table);
  }
  return out;
}

std::string watchText(const Watch& watch) {
  std::string text = absl::StrCat(watch.who, "\n", figures(watch));
  if (!watch.waterfall.columns.empty()) absl::StrAppend(&text, waterfallText(watch.waterfall));
  if (!watch.waterfall.columns.empty() || !watch.stacks.columns.empty())
    absl::StrAppend(&text, stacksText(watch));
  return absl::StrCat(text, "\n");
}

std::string overdrawn(const std::string& text, std::size_t rows, std::size_t columns) {
  std::string out = "\x1b[H";
  std::size_t row = 0;
  for (const absl::string_view line : absl::StrSplit(absl::StripSuffix(text, "\n"), '\n')) {
    if (rows != 0 && ++row >= rows) break;
    absl::StrAppend(&out, columns == 0 ? line : firstCharacters(line, columns), "\x1b[K\n");
  }
  return absl::StrCat(out, "\x1b[J");
}

}  // namespace heapprof::report

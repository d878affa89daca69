#include "profiler/analysis/gates.h"

#include <algorithm>
#include <cmath>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "profiler/analysis/row_groups.h"
#include "profiler/analysis/waterfall_lines.h"
#include "profiler/model/columns.h"
#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

absl::Status badGate(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "--fail-on '", text, "': write METRIC:+SHARE%,+BYTES with both floors, as inuse_space:+5%,+1MiB"));
}

// "1MiB", "512k", "3 GB", "100": powers of 1024; nullopt otherwise.
absl::optional<double> amountOf(absl::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() &&
         (absl::ascii_isdigit(static_cast<unsigned char>(text[digits])) || text[digits] == '.'))
    ++digits;
  double value = 0;
  if (!absl::SimpleAtod(text.substr(0, digits), &value)) return absl::nullopt;
  const std::string unit = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text.substr(digits)));
  static constexpr struct {
    const char* name;
    double factor;
  } kUnits[] = {{"", 1},
                {"b", 1},
                {"k", 1024.0},
                {"kb", 1024.0},
                {"kib", 1024.0},
                {"m", 1048576.0},
                {"mb", 1048576.0},
                {"mib", 1048576.0},
                {"g", 1073741824.0},
                {"gb", 1073741824.0},
                {"gib", 1073741824.0}};
  for (const auto& row : kUnits) {
    if (unit == row.name) return value * row.factor;
  }
  return absl::nullopt;
}

// A figure that is counted: from the dump's totals.
absl::optional<double> totalOf(const model::Snapshot& snapshot, absl::string_view name, double* error) {
  *error = 0;
  const heapprof::Totals& totals = snapshot.heap().totals();
  if (name == "rss" && totals.has_kernel_rss_bytes()) return static_cast<double>(totals.kernel_rss_bytes());
  if (name == "peak_rss" && totals.has_peak_rss_bytes()) return static_cast<double>(totals.peak_rss_bytes());
  if (name == "live" && totals.has_live_bytes()) return static_cast<double>(totals.live_bytes());
  if (!snapshot.hasHeapSnapshot()) return absl::nullopt;
  const Waterfall fall = waterfallOf(snapshot);
  const WaterfallLine* line = fall.find(name);
  if (line == nullptr || !line->bytes) return absl::nullopt;
  *error = std::isnan(line->error) ? 0 : line->error;
  return line->bytes;
}

std::string amount(const GateResult& result, double value, bool plus = false) {
  model::Column cell;
  cell.unit = result.unit;
  cell.isSigned = plus;
  cell.values = {value};
  return model::cellText(cell, 0);
}

void decide(double sigma, GateResult* result) {
  result->change = result->now - result->base;
  result->limit = std::max(result->gate.share * std::fabs(result->base), result->gate.floor);
  const double doubt = sigma * result->error;
  std::string grew = absl::StrCat(amount(*result, result->base), " -> ", amount(*result, result->now), ": ",
                                  amount(*result, result->change, true));
  if (result->error > 0) {
    absl::StrAppend(&grew, " ", model::errorText(result->unit, result->change, result->error, true));
  }
  if (result->base > 0) absl::StrAppendFormat(&grew, " (%+.1f%%)", 100 * result->change / result->base);
  const std::string limit = absl::StrCat("the limit is ", amount(*result, result->limit, true));
  if (result->change > result->limit) {
    result->state = result->change > doubt ? GateState::kTripped : GateState::kInconclusive;
    result->reason = result->state == GateState::kTripped
                         ? absl::StrCat(grew, "; ", limit)
                         : absl::StrCat(grew, "; ", limit, ", but the change is within sampling error");
    return;
  }
  if (doubt > result->limit && result->change + doubt > result->limit) {
    result->state = GateState::kInconclusive;
    result->reason = absl::StrCat(grew, "; ", limit, ", smaller than what sampling can tell (",
                                  amount(*result, doubt), "): sample more finely or raise it");
    return;
  }
  result->reason = absl::StrCat(grew, "; ", limit);
}

// Growth only, largest first.
model::Table grownStacks(const model::Table& diff, std::size_t most) {
  model::Table out = diff;
  for (model::Column& column : out.columns)
    column.texts.clear(), column.values.clear(), column.standardError.clear(), column.known.clear();
  const model::Column& state = *diff.find("state");
  const model::Column& change = *diff.find("change");
  for (std::size_t row = 0; row < diff.rows() && out.rows() < most; ++row) {
    if (change.values[row] <= 0 || state.texts[row] == "SAME") continue;
    for (std::size_t i = 0; i < diff.columns.size(); ++i) {
      const model::Column& from = diff.columns[i];
      if (from.unit == model::Unit::kText) out.columns[i].texts.push_back(from.texts[row]);
      if (from.unit != model::Unit::kText) out.columns[i].values.push_back(from.values[row]);
      if (row < from.standardError.size()) out.columns[i].standardError.push_back(from.standardError[row]);
      if (!from.known.empty()) out.columns[i].known.push_back(from.known[row]);
    }
  }
  out.id = "grown";
  out.title = "What grew";
  return out;
}

// Where in the source the stacks' owners allocate, for reports that point there.
void addPlaces(const RowGroups& groups, model::Table* grown) {
  absl::flat_hash_map<std::string, std::string> placeOf;
  for (std::size_t group = 0; group < groups.size(); ++group)
    placeOf[groups.stack[group]] = groups.place[group];
  model::Column place = model::textColumn("place", "Place", "file and line of that function's call");
  for (const std::string& stack : grown->find("stack")->texts) place.texts.push_back(placeOf[stack]);
  grown->columns.push_back(std::move(place));
}

}  // namespace

absl::StatusOr<Gate> parseGate(absl::string_view text) {
  Gate gate;
  gate.text = std::string(text);
  const std::size_t colon = text.find(':');
  if (colon == absl::string_view::npos || colon == 0) return badGate(text);
  gate.metric = std::string(text.substr(0, colon));
  bool share = false, floor = false;
  for (absl::string_view part : absl::StrSplit(text.substr(colon + 1), ',')) {
    part = absl::StripAsciiWhitespace(part);
    if (!absl::ConsumePrefix(&part, "+")) return badGate(text);
    double* into = absl::ConsumeSuffix(&part, "%") ? &gate.share : &gate.floor;
    absl::optional<double> value = amountOf(part);
    bool* given = into == &gate.share ? &share : &floor;
    if (!value || *given) return badGate(text);
    *given = true;
    *into = into == &gate.share ? *value / 100 : *value;
  }
  if (!share || !floor) return badGate(text);
  return gate;
}

absl::StatusOr<GateResult> checkGate(const Gate& gate, const model::Query& query, double sigma) {
  GateResult result;
  result.gate = gate;
  if (query.snapshot->sampleType(gate.metric)) {
    model::Query asked = query;
    asked.metric = gate.metric;
    absl::StatusOr<model::Table> diff = diffStacks(asked);
    if (!diff.ok()) return diff.status();
    const std::size_t type = *query.snapshot->sampleType(gate.metric);
    result.unit = unitOf(query.snapshot->sampleTypeUnit(type));
    double variance = 0;
    for (std::size_t row = 0; row < diff->rows(); ++row) {
      result.base += diff->find("base")->values[row];
      result.now += diff->find("new")->values[row];
      const double error = diff->find("change")->standardError[row];
      variance += std::isnan(error) ? 0 : error * error;
    }
    result.error = std::sqrt(variance);
    result.stacks = grownStacks(*diff, 10);
    absl::StatusOr<RowGroups> groups = groupRows(asked);
    if (!groups.ok()) return groups.status();
    addPlaces(*groups, &result.stacks);
  } else {
    double errors[2];
    const absl::optional<double> base = totalOf(*query.baseline, gate.metric, &errors[0]);
    const absl::optional<double> now = totalOf(*query.snapshot, gate.metric, &errors[1]);
    if (!base || !now) {
      return absl::InvalidArgumentError(
          absl::StrCat((base ? query.snapshot : query.baseline)->path(), ": holds no ", gate.metric,
                       "; it has ", absl::StrJoin(query.snapshot->sampleTypeNames(), ", "),
                       ", and rss, peak_rss, live, free_slots, dirty, ",
                       "internal_slack, thread_caches, metadata where libheapprof wrote it"));
    }
    result.base = *base;
    result.now = *now;
    result.error = std::hypot(errors[0], errors[1]);
  }
  decide(sigma, &result);
  return result;
}

}  // namespace heapprof::analysis

// `cost()`: memory as money, from a price and a number of replicas that the user states.
#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/waterfall_lines.h"
#include "profiler/model/columns.h"
#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

using model::Column, model::numberColumn, model::textColumn, model::Unit;

constexpr double kErrors = 2;  // the range is so many standard errors to each side
constexpr std::size_t kMostOwners = 10;

absl::Status badPrice(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("--price ", text, ": write AMOUNT/UNIT-TIME, as 4.2/GiB-month or $0.006/GB-hour"));
}

struct Named {
  const char* name;
  double factor;
};

absl::optional<double> factorOf(absl::Span<const Named> table, absl::string_view name) {
  for (const Named& row : table) {
    if (absl::AsciiStrToLower(name) == row.name) return row.factor;
  }
  return absl::nullopt;
}

struct Columns {
  Column bytes = numberColumn("bytes", "Bytes", Unit::kBytes, "of one process");
  Column month = numberColumn("month", "A month", Unit::kCount, "price x bytes x replicas");
  Column low = numberColumn("low", "From", Unit::kCount, "two standard errors less");
  Column high = numberColumn("high", "To", Unit::kCount, "two standard errors more");

  void add(absl::optional<double> value, double error, double factor) {
    if (!value) {
      for (Column* column : {&bytes, &month, &low, &high}) addUnknown(*column);
      return;
    }
    const double doubt = std::isnan(error) ? 0 : kErrors * error;
    addWithError(bytes, *value, error == 0 ? model::kNoError : error);
    addKnown(month, *value * factor);
    addKnown(low, std::max(std::min(*value, 0.0), *value - doubt) * factor);  // no bytes are less than none
    addKnown(high, (*value + doubt) * factor);
  }
  void moveTo(model::Table* table) {
    bytes.standardError.resize(bytes.values.size(), model::kNoError);
    for (Column* column : {&bytes, &month, &low, &high}) table->columns.push_back(std::move(*column));
  }
};

}  // namespace

absl::StatusOr<Price> parsePrice(absl::string_view text) {
  static constexpr Named kBytes[] = {{"mib", 1048576.0},       {"mb", 1e6},
                                     {"gib", 1073741824.0},    {"gb", 1e9},
                                     {"tib", 1099511627776.0}, {"tb", 1e12}};
  static constexpr double kHours = 365.25 * 24 / 12;  // of a month
  static constexpr Named kTimes[] = {
      {"hour", kHours}, {"day", kHours / 24}, {"month", 1}, {"year", 1.0 / 12}};
  Price price;
  price.text = std::string(text);
  const std::size_t slash = text.find('/'), dash = text.rfind('-');
  if (slash == absl::string_view::npos || dash == absl::string_view::npos || dash < slash)
    return badPrice(text);
  absl::string_view amount = text.substr(0, slash);
  std::size_t digits = 0;
  while (digits < amount.size() && !absl::ascii_isdigit(static_cast<unsigned char>(amount[digits])) &&
         amount[digits] != '.')
    ++digits;
  price.currency = std::string(absl::StripAsciiWhitespace(amount.substr(0, digits)));
  double value = 0;
  const absl::optional<double> bytes = factorOf(kBytes, text.substr(slash + 1, dash - slash - 1));
  const absl::optional<double> times = factorOf(kTimes, text.substr(dash + 1));
  if (!absl::SimpleAtod(amount.substr(digits), &value) || !(value > 0) || !bytes || !times ||
      price.currency == "-")
    return badPrice(text);
  price.perByteMonth = value * *times / *bytes;
  return price;
}

absl::StatusOr<CostResult> cost(const model::Query& query, const Price& price, double replicas) {
  absl::StatusOr<model::Table> usable = waterfall(query);  // says what is missing
  if (!usable.ok()) return usable.status();
  const double factor = price.perByteMonth * replicas;
  const Waterfall fall = waterfallOf(*query.snapshot);
  CostResult result;
  Column id = textColumn("id", "Id", "the line's stable name");
  Column label = textColumn("label", "Line", "what the bytes are");
  Columns lines;
  for (const WaterfallLine& line : fall.lines) {
    id.texts.emplace_back(line.id);
    label.texts.emplace_back(line.label);
    lines.add(line.bytes, line.error, factor);
  }
  result.lines.id = "cost";
  result.lines.title = "What RSS costs";
  result.lines.columns = {std::move(id), std::move(label)};
  lines.moveTo(&result.lines);

  model::Query byBytes = query;
  byBytes.metric = "inuse_space";
  absl::StatusOr<model::Table> held = owners(byBytes);
  if (!held.ok()) return held.status();
  Column owner = textColumn("owner", "Function", "the first function that is not allocation plumbing");
  Columns money;
  for (std::size_t row = 0; row < std::min(held->rows(), kMostOwners); ++row) {
    owner.texts.push_back(held->find("name")->texts[row]);
    money.add(held->find("held")->values[row], held->find("held")->standardError[row], factor);
  }
  result.owners.id = "cost_owners";
  result.owners.title = "Who costs it";
  result.owners.columns = {std::move(owner)};
  money.moveTo(&result.owners);

  const heapprof::Totals& totals = query.snapshot->heap().totals();
  result.month = fall.kernelRss ? *fall.kernelRss * factor : model::kNoError;
  result.peakMonth =
      totals.has_peak_rss_bytes() ? static_cast<double>(totals.peak_rss_bytes()) * factor : model::kNoError;
  result.assumptions = {
      absl::StrCat("price ", price.text, ", ", absl::StrFormat("%g", replicas),
                   replicas == 1 ? " replica" : " replicas, each as this one", "; a month is 730.5 hours"),
      "memory costs as much as it is resident now; who buys for the peak pays the second figure",
      "ranges are two standard errors of sampling to each side; lines without one are counted"};
  return result;
}

}  // namespace heapprof::analysis

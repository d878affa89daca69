// `heapprof cost FILE --price 4.2/GiB-month --replicas N`: memory as money.
#include <cmath>

#include "profiler/analysis/analyses.h"
#include "profiler/cli/output.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/sizes_text.h"

namespace heapprof::cli {
namespace {

std::string file, price;
Format format;
double replicas = 1;

absl::optional<double> known(double value) {
  return std::isnan(value) ? absl::nullopt : absl::optional<double>(value);
}

}  // namespace

void addCostFlags(FlagSet& app) {
  app.addOption("FILE", file, "a dump").required();
  app.addOption("--price", price, "AMOUNT/UNIT-TIME: 4.2/GiB-month, $0.006/GB-hour").required();
  app.addOption("--replicas", replicas, "processes like this one").within(1.0, 1e9).showDefault();
  addFormatFlag(app, &format);
}

int runCost() {
  absl::StatusOr<analysis::Price> parsed = analysis::parsePrice(price);
  if (!parsed.ok()) return fail(parsed.status());
  absl::StatusOr<model::SnapshotPtr> snapshot = load(file);
  if (!snapshot.ok()) return fail(snapshot.status());
  model::Query query;
  query.snapshot = *std::move(snapshot);
  absl::StatusOr<analysis::CostResult> result = analysis::cost(query, *parsed, replicas);
  if (!result.ok()) return fail(result.status());
  report::Document document;
  document.verb = "cost";
  document.facts = {
      report::textFact("price", "Price", price), report::textFact("currency", "Currency", parsed->currency),
      report::numberFact("replicas", "Replicas", model::Unit::kCount, replicas),
      report::numberFact("month", "A month, now", model::Unit::kCount, known(result->month)),
      report::numberFact("peak_month", "A month, peak", model::Unit::kCount, known(result->peakMonth))};
  document.text = [&] { return report::costText(*query.snapshot, *result, parsed->currency); };
  if (format.wantsTables()) {
    document.tables = {result->lines, result->owners};
    document.notes = result->assumptions;
  }
  return write(format, std::move(document));
}

}  // namespace heapprof::cli

#include "profiler/cli/query_flags.h"

#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "profiler/cli/output.h"

namespace heapprof::cli {
namespace {

constexpr const char* kMetricFlags[] = {"inuse_space",   "inuse_objects",   "alloc_space",
                                        "alloc_objects", "inuse_requested", "peak_space"};

// As a regular expression that matches this text; a comma would divide expressions.
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || byte >= 0x80) {
      out.push_back(c);
    } else {
      absl::StrAppend(&out, "\\x", absl::Hex(byte, absl::kZeroPad2));
    }
  }
  return out;
}

}  // namespace

void QueryFlags::addFilters(FlagSet& app) {
  app.addOption("--sample_index", sampleIndex, "metric: a sample type's name or number").group("Metric");
  for (std::size_t i = 0; i < std::size(kMetricFlags); ++i) {
    app.addFlag(absl::StrCat("--", kMetricFlags[i]), metricFlag[i],
                absl::StrCat("same as -sample_index=", kMetricFlags[i]))
        .group("Metric");
  }
  addStackFilters(app);
}

void QueryFlags::addStackFilters(FlagSet& app) {
  auto filter = [&app](const char* name, auto& value, const char* help) {
    return app.addOption(name, value, help).group("Filters (regular expressions)");
  };
  filter("--focus", focus, "keep stacks with a frame that matches");
  filter("--ignore", ignore, "drop stacks with a frame that matches");
  filter("--hide", hide, "drop frames that match");
  filter("--show", show, "keep only frames that match");
  filter("--show_from", showFrom, "drop frames above the first match");
  filter("--tagfocus", tagFocus, "keep samples with a label: key=regex, or a range as bytes=64kb:1mb")
      .onceEach();
  filter("--tagignore", tagIgnore, "drop samples with a label").onceEach();
  filter("--thread", thread, "samples of this thread: jemalloc's number, as jeprof takes it, or the label");
  auto grain = [&app](const char* name, bool& value, const char* help) {
    app.addFlag(name, value, help).group("Granularity");
  };
  grain("--functions", functions, "by function (default)");
  grain("--filefunctions", fileFunctions, "by file and function");
  grain("--files", files, "by source file");
  grain("--lines", lines, "by source line");
  grain("--addresses", addresses, "by address");
  grain("--noinlines", noInlines, "count inlined functions to their callers");
  symbols.addSource(app);
  symbols.addDetails(app);
}

void QueryFlags::addSorting(FlagSet& app) {
  auto option = [&app](const char* name, auto& value, const char* help) {
    app.addOption(name, value, help).group("Order and cut-offs");
  };
  auto flag = [&app](const char* name, bool& value, const char* help) {
    app.addFlag(name, value, help).group("Order and cut-offs");
  };
  flag("--cum", cum, "sort by what a function and all it called hold");
  flag("--flat", flat, "sort by what a function itself holds (default)");
  option("--nodecount", nodeCount, "show at most so many rows (default: all)");
  option("--nodefraction", nodeFraction, "hide rows below this share of the total");
  option("--edgefraction", edgeFraction, "calls below this share do not count for (inline)");
  flag("--trim", trim, "--trim=false: the same as zero fractions and no row limit");
  option("--unit", unit, "print in this unit: bytes, kb, mb, ...");
  option("--divide_by", divideBy, "divide all figures");
}

void QueryFlags::addBaseline(FlagSet& app) {
  app.addOption("--base", base, "subtract this dump; given again, all of them")
      .group("Comparison")
      .onceEach();
  app.addOption("--diff_base", diffBase, "subtract this dump; percentages are of its total")
      .group("Comparison")
      .onceEach();
  app.addFlag("--normalize", normalize, "scale the dump to the base's total first").group("Comparison");
}

void QueryFlags::addFormat(FlagSet& app) {
  addFormatFlag(app, &format);
}

std::size_t QueryFlags::rowLimit() const {
  return nodeCount <= 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(nodeCount);
}

bool QueryFlags::filtersAnything() const {
  const model::Filters given{focus, ignore, hide, show, showFrom, tagFocus, tagIgnore};
  return !(given == model::Filters()) || !base.empty() || !diffBase.empty();
}

absl::StatusOr<model::Query> QueryFlags::toQuery(const std::vector<std::string>& paths) const {
  model::Query query;
  query.metric = sampleIndex;
  for (std::size_t i = 0; i < std::size(kMetricFlags); ++i) {
    if (!metricFlag[i]) continue;
    if (query.metric.empty()) {
      query.metric = kMetricFlags[i];
    } else {
      note(absl::StrCat("Multiple value selections, ignoring -", kMetricFlags[i]));
    }
  }
  query.filters = {focus, ignore, hide, show, showFrom, tagFocus, tagIgnore};
  if (!thread.empty()) {
    query.filters.tagFocus.push_back(absl::StrCat("thread=^", quoted(thread), "$"));
  }
  if (functions + fileFunctions + files + lines + addresses > 1) {
    return absl::InvalidArgumentError("give one of -functions, -filefunctions, -files, -lines, -addresses");
  }
  query.granularity = fileFunctions ? model::Granularity::kFileFunctions
                      : files       ? model::Granularity::kFiles
                      : lines       ? model::Granularity::kLines
                      : addresses   ? model::Granularity::kAddresses
                                    : model::Granularity::kFunctions;
  query.noInlines = noInlines;
  if (cum && flat) return absl::InvalidArgumentError("give one of -cum and -flat");
  query.cumulative = cum;
  if (divideBy == 0)
    return absl::InvalidArgumentError("-divide_by=0: zero divisor specified; give another number");
  const std::size_t rows = nodeCount < 0 ? defaultNodeCount : static_cast<std::size_t>(nodeCount);
  query.nodeCount = trim ? rows : 0;
  query.nodeFraction = trim ? nodeFraction : 0;
  query.edgeFraction = trim ? edgeFraction : 0;
  query.unit = unit;
  query.divideBy = divideBy;
  query.normalize = normalize;
  if (!base.empty() && !diffBase.empty())
    return absl::InvalidArgumentError("give one of -base and -diff_base");
  const std::vector<std::string>& baseline = base.empty() ? diffBase : base;
  if (normalize && baseline.empty()) {
    return absl::InvalidArgumentError("-normalize needs a dump to normalize by: give -base or -diff_base");
  }
  absl::StatusOr<model::SnapshotPtr> snapshot = load(paths, symbols, thread);
  if (!snapshot.ok()) return snapshot.status();
  query.snapshot = *std::move(snapshot);
  if (!baseline.empty()) {
    absl::StatusOr<model::SnapshotPtr> other = load(baseline, symbols, thread);
    if (!other.ok()) return other.status();
    query.baseline = *std::move(other);
    query.baselineMode = base.empty() ? model::BaselineMode::kDiffBase : model::BaselineMode::kBase;
  }
  return query;
}

model::Table divided(model::Table table, const model::Query& query) {
  if (query.divideBy == 1) return table;
  for (model::Column& column : table.columns) {
    if (column.unit == model::Unit::kText || column.unit == model::Unit::kFraction || column.id == "row" ||
        column.id == "line")
      continue;
    for (double& value : column.values) value /= query.divideBy;
    for (double& error : column.standardError) error /= query.divideBy;
  }
  return table;
}

}  // namespace heapprof::cli

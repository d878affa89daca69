#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/label_reader.h"
#include "profiler/analysis/merged_view.h"
#include "profiler/model/columns.h"

namespace heapprof::analysis {
namespace {

std::string bracketed(const std::vector<std::string>& values) {
  return absl::StrCat("[", absl::StrJoin(values, " "), "]");
}

std::string textLabels(const model::Snapshot& snapshot, std::size_t row) {
  std::map<absl::string_view, std::vector<std::string>> byKey;
  forEachLabel(snapshot, row, [&byKey](const Label& label) {
    if (label.isText) byKey[label.key].emplace_back(label.text);
  });
  std::vector<std::string> parts;
  for (const auto& [key, values] : byKey) parts.push_back(absl::StrCat(key, ":", bracketed(values)));
  std::sort(parts.begin(), parts.end());
  return absl::StrJoin(parts, " ");
}

// A unit stands behind each value of a key as soon as one of them has one.
std::string numberLabels(const model::Snapshot& snapshot, std::size_t row) {
  std::map<absl::string_view, std::vector<std::pair<std::int64_t, absl::string_view>>> byKey;
  forEachLabel(snapshot, row, [&byKey](const Label& label) {
    if (!label.isText) byKey[label.key].emplace_back(label.number, label.unit);
  });
  std::vector<std::string> parts;
  for (const auto& [key, values] : byKey) {
    const bool units =
        std::any_of(values.begin(), values.end(), [](const auto& value) { return !value.second.empty(); });
    std::vector<std::string> shown;
    for (const auto& [number, unit] : values) {
      shown.push_back(units ? absl::StrCat(number, " ", unit) : absl::StrCat(number));
    }
    parts.push_back(absl::StrCat(key, ":", bracketed(shown)));
  }
  std::sort(parts.begin(), parts.end());
  return absl::StrJoin(parts, " ");
}

absl::StatusOr<model::Table> sampleTable(const StackView& view) {
  const model::Snapshot& snapshot = view.snapshot(0);
  const formats::ProfileColumns& columns = snapshot.columns();
  const std::size_t types = columns.sampleTypes.size();
  model::Table table;
  table.id = "samples";
  table.title = "Samples";
  for (std::size_t i = 0; i < types; ++i) {
    const std::string name(snapshot.text(columns.sampleTypes[i].type));
    table.columns.push_back(
        model::numberColumn(name, name, unitOf(snapshot.sampleTypeUnit(i)), "the sample's value"));
  }
  model::Column locations = model::textColumn("locations", "Locations", "ids of locations, innermost first");
  model::Column labels = model::textColumn("labels", "Labels", "labels that are texts");
  model::Column numbers = model::textColumn("number_labels", "Number labels", "labels that are numbers");
  absl::Status walked = view.forEach([&](const StackSample& sample) {
    for (std::size_t i = 0; i < types; ++i) {
      table.columns[i].values.push_back(static_cast<double>(columns.samples.values[sample.row * types + i]));
    }
    locations.texts.push_back(absl::StrJoin(sample.stack, " ", [](std::string* out, std::uint32_t location) {
      absl::StrAppend(out, location + 1);
    }));
    labels.texts.push_back(textLabels(snapshot, sample.row));
    numbers.texts.push_back(numberLabels(snapshot, sample.row));
  });
  if (!walked.ok()) return walked;
  for (model::Column* column : {&locations, &labels, &numbers}) table.columns.push_back(std::move(*column));
  return table;
}

model::Table locationTable(const StackView& view) {
  const LocationUnion& locations = view.locations();
  const StringPool& strings = locations.strings();
  model::Column id = model::numberColumn("id", "Id", model::Unit::kCount, "as in samples");
  model::Column address = model::textColumn("address", "Address", "of the instruction, in hexadecimal");
  model::Column mapping = model::numberColumn("mapping", "Mapping", model::Unit::kCount, "0: in none");
  model::Column folded = model::textColumn("folded", "Folded", "F: equal functions were folded into one");
  model::Column lines = model::textColumn("lines", "Lines", "innermost inlined function first, one a line");
  for (std::uint32_t i = 0; i < locations.locations().size(); ++i) {
    const LocationUnion::Location& location = locations.locations()[i];
    id.values.push_back(i + 1);
    address.texts.push_back(absl::StrFormat("0x%x", location.address));
    mapping.values.push_back(location.mapping == kNone ? 0 : location.mapping + 1);
    folded.texts.emplace_back(location.folded ? "F" : "");
    std::vector<std::string> text;
    for (const LocationUnion::Frame& frame : view.plan().frames(i)) {
      if (frame.function == kNone) {
        text.emplace_back("??");
        continue;
      }
      const LocationUnion::Function& function = locations.functions()[frame.function];
      text.push_back(absl::StrCat(strings[function.name], " ", strings[function.file], ":", frame.line,
                                  " s=", function.startLine));
      if (function.name != function.systemName) {
        absl::StrAppend(&text.back(), "(", strings[function.systemName], ")");
      }
    }
    lines.texts.push_back(absl::StrJoin(text, "\n"));
  }
  model::Table table;
  table.id = "locations";
  table.title = "Locations";
  table.columns = {std::move(id), std::move(address), std::move(mapping), std::move(folded),
                   std::move(lines)};
  return table;
}

model::Table mappingTable(const model::Snapshot& snapshot) {
  model::Column id = model::numberColumn("id", "Id", model::Unit::kCount, "as in locations");
  model::Column range = model::textColumn("range", "Start/limit/offset", "addresses, and offset in the file");
  model::Column file = model::textColumn("file", "File", "the executable or library");
  model::Column buildId = model::textColumn("build_id", "Build id", "which build of it");
  model::Column has = model::textColumn("has", "Has", "functions FN, files FL, lines LN, inlined frames IN");
  for (const formats::Mapping& mapping : snapshot.columns().mappings) {
    id.values.push_back(static_cast<double>(id.values.size() + 1));
    range.texts.push_back(absl::StrFormat("0x%x/0x%x/0x%x", mapping.start, mapping.limit, mapping.offset));
    file.texts.emplace_back(snapshot.text(mapping.file));
    buildId.texts.emplace_back(snapshot.text(mapping.buildId));
    has.texts.push_back(absl::StrCat(mapping.hasFunctions ? "[FN]" : "", mapping.hasFilenames ? "[FL]" : "",
                                     mapping.hasLineNumbers ? "[LN]" : "",
                                     mapping.hasInlineFrames ? "[IN]" : ""));
  }
  model::Table table;
  table.id = "mappings";
  table.title = "Mappings";
  table.columns = {std::move(id), std::move(range), std::move(file), std::move(buildId), std::move(has)};
  return table;
}

}  // namespace

absl::StatusOr<RawResult> raw(const model::Query& query, const Cancel& cancel) {
  absl::StatusOr<MergedView> merged = mergedView(query, cancel);
  if (!merged.ok()) return merged.status();
  absl::StatusOr<model::Table> samples = sampleTable(*merged->view);
  if (!samples.ok()) return samples.status();
  RawResult result;
  result.samples = *std::move(samples);
  result.samples.notes = merged->view->notes();
  result.locations = locationTable(*merged->view);
  result.mappings = mappingTable(*merged->query.snapshot);
  result.merged = merged->query.snapshot;
  return result;
}

}  // namespace heapprof::analysis

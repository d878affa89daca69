#include "tests/formats/column_oracle.h"

#include <google/protobuf/util/message_differencer.h>
#include <map>

namespace heapprof::formats::testing {
namespace {

StringIndex index(std::int64_t value) {
  return static_cast<StringIndex>(value);
}

std::map<std::uint64_t, Row> rowsById(const auto& messages) {
  std::map<std::uint64_t, Row> rows{{0, kNoRow}};
  for (const auto& message : messages) {
    rows.emplace(message.id(), static_cast<Row>(rows.size() - 1));
  }
  return rows;
}

void addLocations(const heapprof::pprof::Profile& profile, ProfileColumns* columns) {
  const auto mappings = rowsById(profile.mapping());
  const auto functions = rowsById(profile.function());
  LocationColumns& out = columns->locations;
  for (const auto& location : profile.location()) {
    out.id.push_back(location.id());
    out.mapping.push_back(mappings.at(location.mapping_id()));
    out.address.push_back(location.address());
    out.folded.push_back(location.is_folded() ? 1 : 0);
    for (const auto& line : location.line()) {
      out.lineFunction.push_back(functions.at(line.function_id()));
      out.lineNumber.push_back(line.line());
      out.lineColumn.push_back(line.column());
    }
    out.lineBegin.push_back(out.lineFunction.size());
  }
}

void addSamples(const heapprof::pprof::Profile& profile, ProfileColumns* columns) {
  const auto locations = rowsById(profile.location());
  SampleColumns& out = columns->samples;
  for (const auto& sample : profile.sample()) {
    for (const std::uint64_t id : sample.location_id()) {
      out.stacks.locations.push_back(locations.at(id));
    }
    out.takeStack();
    out.values.insert(out.values.end(), sample.value().begin(), sample.value().end());
    for (const auto& label : sample.label()) {
      out.labels.key.push_back(index(label.key()));
      out.labels.str.push_back(index(label.str()));
      out.labels.num.push_back(label.num());
      out.labels.unit.push_back(index(label.num_unit()));
    }
    out.labelBegin.push_back(out.labels.key.size());
  }
}

void addSymbols(const heapprof::pprof::Profile& profile, ProfileColumns* columns) {
  for (const auto& m : profile.mapping()) {
    columns->mappings.push_back({m.id(), m.memory_start(), m.memory_limit(), m.file_offset(),
                                 index(m.filename()), index(m.build_id()), m.has_functions(),
                                 m.has_filenames(), m.has_line_numbers(), m.has_inline_frames()});
  }
  for (const auto& f : profile.function()) {
    columns->functions.id.push_back(f.id());
    columns->functions.name.push_back(index(f.name()));
    columns->functions.systemName.push_back(index(f.system_name()));
    columns->functions.file.push_back(index(f.filename()));
    columns->functions.startLine.push_back(f.start_line());
  }
}

void sum(google::protobuf::RepeatedField<std::uint64_t>* deltas) {
  for (int i = 1; i < deltas->size(); ++i) {
    deltas->Set(i, deltas->Get(i) + deltas->Get(i - 1));
  }
}

// Mapping has no ==: compared as what is written of it.
bool same(const Mapping& a, const Mapping& b) {
  return a.id == b.id && a.start == b.start && a.limit == b.limit && a.offset == b.offset &&
         a.file == b.file && a.buildId == b.buildId && a.hasFunctions == b.hasFunctions &&
         a.hasFilenames == b.hasFilenames && a.hasLineNumbers == b.hasLineNumbers &&
         a.hasInlineFrames == b.hasInlineFrames;
}

bool same(const ValueType& a, const ValueType& b) {
  return a.type == b.type && a.unit == b.unit;
}

template <class T>
bool sameRows(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const T& x, const T& y) { return same(x, y); });
}

// Which rows of stacks the samples share is each maker's own.
bool sameStacks(const SampleColumns& a, const SampleColumns& b) {
  bool same = a.size() == b.size();
  for (std::size_t i = 0; same && i < a.size(); ++i) {
    same = a.locationsOf(i) == b.locationsOf(i);
  }
  return same;
}

}  // namespace

ProfileColumns columnsByDom(const heapprof::pprof::Profile& profile) {
  ProfileColumns columns;
  columns.strings.assign(profile.string_table().begin(), profile.string_table().end());
  for (const auto& type : profile.sample_type()) {
    columns.sampleTypes.push_back({index(type.type()), index(type.unit())});
  }
  addSamples(profile, &columns);
  addLocations(profile, &columns);
  addSymbols(profile, &columns);
  columns.dropFrames = index(profile.drop_frames());
  columns.keepFrames = index(profile.keep_frames());
  columns.timeNanos = profile.time_nanos();
  columns.durationNanos = profile.duration_nanos();
  columns.periodType = {index(profile.period_type().type()), index(profile.period_type().unit())};
  columns.period = profile.period();
  for (const std::int64_t comment : profile.comment()) {
    columns.comments.push_back(index(comment));
  }
  columns.defaultSampleType = index(profile.default_sample_type());
  columns.hasHeapSnapshot = profile.has_heap_snapshot();
  if (columns.hasHeapSnapshot) {
    columns.heapSnapshot = profile.heap_snapshot();
    sum(columns.heapSnapshot.mutable_extents()->mutable_start_delta());
    sum(columns.heapSnapshot.mutable_huge_pages()->mutable_index_delta());
  }
  return columns;
}

std::string difference(const ProfileColumns& a, const ProfileColumns& b) {
  const SampleColumns &s = a.samples, &t = b.samples;
  const LocationColumns &l = a.locations, &m = b.locations;
  const FunctionColumns &f = a.functions, &g = b.functions;
  const struct {
    const char* what;
    bool equal;
  } checks[] = {
      {"strings", a.strings == b.strings},
      {"sampleTypes", sameRows(a.sampleTypes, b.sampleTypes)},
      {"samples.stack", sameStacks(s, t)},
      {"samples.values", s.values == t.values},
      {"samples.labelBegin", s.labelBegin == t.labelBegin},
      {"labels.key", s.labels.key == t.labels.key},
      {"labels.str", s.labels.str == t.labels.str},
      {"labels.num", s.labels.num == t.labels.num},
      {"labels.unit", s.labels.unit == t.labels.unit},
      {"locations.id", l.id == m.id},
      {"locations.mapping", l.mapping == m.mapping},
      {"locations.address", l.address == m.address},
      {"locations.folded", l.folded == m.folded},
      {"locations.lineBegin", l.lineBegin == m.lineBegin},
      {"locations.lineFunction", l.lineFunction == m.lineFunction},
      {"locations.lineNumber", l.lineNumber == m.lineNumber},
      {"locations.lineColumn", l.lineColumn == m.lineColumn},
      {"functions.id", f.id == g.id},
      {"functions.name", f.name == g.name},
      {"functions.systemName", f.systemName == g.systemName},
      {"functions.file", f.file == g.file},
      {"functions.startLine", f.startLine == g.startLine},
      {"mappings", sameRows(a.mappings, b.mappings)},
      {"dropFrames", a.dropFrames == b.dropFrames},
      {"keepFrames", a.keepFrames == b.keepFrames},
      {"timeNanos", a.timeNanos == b.timeNanos},
      {"durationNanos", a.durationNanos == b.durationNanos},
      {"periodType", same(a.periodType, b.periodType)},
      {"period", a.period == b.period},
      {"comments", a.comments == b.comments},
      {"defaultSampleType", a.defaultSampleType == b.defaultSampleType},
      {"hasHeapSnapshot", a.hasHeapSnapshot == b.hasHeapSnapshot},
      // Bytes, not MessageDifferencer: a NaN is equal to itself here, and unknown fields count.
      {"heapSnapshot", a.heapSnapshot.SerializeAsString() == b.heapSnapshot.SerializeAsString()},
  };
  for (const auto& check : checks) {
    if (!check.equal) {
      return std::string(check.what) + " differ";
    }
  }
  return "";
}

}  // namespace heapprof::formats::testing

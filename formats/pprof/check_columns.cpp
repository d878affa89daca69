#include "formats/pprof/check_columns.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "absl/strings/str_cat.h"

#include "formats/pprof/id_table.h"
#include "formats/pprof/read_profile.h"
#include "formats/pprof/snapshot_merger.h"

namespace heapprof::formats {
namespace {

using MaybeFault = std::optional<Fault>;

constexpr int kMostBuckets = 64;  // of powers of two: a count beyond is of no 64-bit value

class Checker {
 public:
  explicit Checker(const ProfileColumns& profile) : profile_(profile) {}

  MaybeFault run() {
    if (profile_.strings.empty() || !profile_.strings[0].empty()) {
      return Fault{Place::kProfile, 0, "string_table[0] is not the empty string"};
    }
    for (auto check :
         {&Checker::head, &Checker::samples, &Checker::locations, &Checker::symbols, &Checker::snapshot}) {
      if (MaybeFault fault = (this->*check)()) {
        return fault;
      }
    }
    return std::nullopt;
  }

 private:
  bool known(StringIndex index) const { return index < profile_.strings.size(); }
  MaybeFault badString(Place place, std::size_t row, StringIndex index) const {
    return Fault{
        place, row,
        absl::StrCat("string index ", index, " is out of range: the table has ", profile_.strings.size())};
  }
  MaybeFault strings(Place place, std::size_t row, std::initializer_list<StringIndex> indices) const {
    for (const StringIndex index : indices) {
      if (!known(index)) {
        return badString(place, row, index);
      }
    }
    return std::nullopt;
  }

  MaybeFault head() const {
    for (std::size_t i = 0; i < profile_.sampleTypes.size(); ++i) {
      const ValueType& type = profile_.sampleTypes[i];
      if (MaybeFault fault = strings(Place::kSampleType, i, {type.type, type.unit})) {
        return fault;
      }
    }
    for (const StringIndex comment : profile_.comments) {
      if (!known(comment)) {
        return badString(Place::kProfile, 0, comment);
      }
    }
    return strings(Place::kProfile, 0,
                   {profile_.dropFrames, profile_.keepFrames, profile_.periodType.type,
                    profile_.periodType.unit, profile_.defaultSampleType});
  }

  // Whether `begin` cuts `total` entries into rows.
  static bool cuts(const std::vector<std::uint64_t>& begin, std::size_t rows, std::size_t total) {
    if (begin.size() != rows + 1 || begin.front() != 0 || begin.back() != total) {
      return false;
    }
    for (std::size_t i = 0; i < rows; ++i) {
      if (begin[i] > begin[i + 1]) {
        return false;
      }
    }
    return true;
  }

  MaybeFault samples() const {
    const SampleColumns& samples = profile_.samples;
    const LabelColumns& labels = samples.labels;
    const StackColumns& stacks = samples.stacks;
    if (stacks.locationBegin.empty()) {
      return Fault{Place::kProfile, 0, "the sample columns have no first row boundary"};
    }
    const std::size_t rows = samples.size();
    if (rows != 0 && profile_.sampleTypes.empty()) {
      return Fault{Place::kSample, 0, "there are samples but no sample types"};
    }
    if (samples.values.size() != rows * profile_.sampleTypes.size()) {
      return Fault{Place::kSample, 0,
                   absl::StrCat("there are ", samples.values.size(), " values for ", rows, " samples of ",
                                profile_.sampleTypes.size(), " sample types")};
    }
    if (!cuts(stacks.locationBegin, stacks.size(), stacks.locations.size()) ||
        !cuts(samples.labelBegin, rows, labels.key.size()) || labels.str.size() != labels.key.size() ||
        labels.num.size() != labels.key.size() || labels.unit.size() != labels.key.size()) {
      return Fault{Place::kProfile, 0, "the sample columns do not fit together"};
    }
    for (std::size_t row = 0; row < stacks.size(); ++row) {
      const absl::Span<const Row> stack = stacks[static_cast<Row>(row)];
      if (std::any_of(stack.begin(), stack.end(),
                      [&](Row location) { return location >= profile_.locations.size(); })) {
        const auto first = std::find(samples.stack.begin(), samples.stack.end(), row);
        return Fault{Place::kSample, static_cast<std::size_t>(first - samples.stack.begin()),
                     "a location that is not there"};
      }
    }
    for (std::size_t row = 0; row < rows; ++row) {
      if (samples.stack[row] >= stacks.size()) {
        return Fault{Place::kSample, row, "a stack that is not there"};
      }
      for (std::uint64_t i = samples.labelBegin[row]; i < samples.labelBegin[row + 1]; ++i) {
        if (MaybeFault fault = strings(Place::kSample, row, {labels.key[i], labels.str[i], labels.unit[i]})) {
          return fault;
        }
      }
    }
    return std::nullopt;
  }

  MaybeFault locations() const {
    const LocationColumns& locations = profile_.locations;
    const std::size_t rows = locations.size();
    if (locations.id.size() != rows || locations.mapping.size() != rows || locations.folded.size() != rows ||
        !cuts(locations.lineBegin, rows, locations.lineFunction.size()) ||
        locations.lineNumber.size() != locations.lineFunction.size() ||
        locations.lineColumn.size() != locations.lineFunction.size()) {
      return Fault{Place::kProfile, 0, "the location columns do not fit together"};
    }
    for (std::size_t row = 0; row < rows; ++row) {
      const Row mapping = locations.mapping[row];
      if (mapping != kNoRow && mapping >= profile_.mappings.size()) {
        return Fault{Place::kLocation, row, "a mapping that is not there"};
      }
      for (std::uint64_t i = locations.lineBegin[row]; i < locations.lineBegin[row + 1]; ++i) {
        if (locations.lineFunction[i] >= profile_.functions.size()) {
          return Fault{Place::kLocation, row, "a function that is not there"};
        }
      }
    }
    return std::nullopt;
  }

  MaybeFault symbols() const {
    const FunctionColumns& functions = profile_.functions;
    const std::size_t rows = functions.size();
    if (functions.id.size() != rows || functions.systemName.size() != rows || functions.file.size() != rows ||
        functions.startLine.size() != rows) {
      return Fault{Place::kProfile, 0, "the function columns do not fit together"};
    }
    for (std::size_t row = 0; row < rows; ++row) {
      if (MaybeFault fault = strings(Place::kFunction, row,
                                     {functions.name[row], functions.systemName[row], functions.file[row]})) {
        return fault;
      }
    }
    for (std::size_t row = 0; row < profile_.mappings.size(); ++row) {
      const Mapping& mapping = profile_.mappings[row];
      if (MaybeFault fault = strings(Place::kMapping, row, {mapping.file, mapping.buildId})) {
        return fault;
      }
    }
    return std::nullopt;
  }

  MaybeFault snapshot() const {
    if (!profile_.hasHeapSnapshot) {
      return std::nullopt;
    }
    const heapprof::HeapSnapshot& snapshot = profile_.heapSnapshot;
    if (std::string fault = columnFault(snapshot, true); !fault.empty()) {
      return Fault{Place::kSnapshot, 0, std::move(fault)};
    }
    if (snapshot.string_table_size() == 0 || !snapshot.string_table(0).empty()) {
      return Fault{Place::kSnapshot, 0, "string_table[0] is not the empty string"};
    }
    if (MaybeFault fault = snapshotStrings(snapshot)) {
      return fault;
    }
    for (const std::uint64_t index : snapshot.stacks().sample_index()) {
      if (index >= profile_.samples.size()) {
        return Fault{Place::kSnapshot, 0, absl::StrCat("a stack of sample ", index, ", which is not there")};
      }
    }
    return std::nullopt;
  }

  static MaybeFault snapshotStrings(const heapprof::HeapSnapshot& snapshot) {
    const auto size = static_cast<std::uint32_t>(snapshot.string_table_size());
    const heapprof::Header& header = snapshot.header();
    std::uint32_t largest = 0;
    for (const std::uint32_t index :
         {header.runtime_version(), header.program(), header.host(), header.kernel(), header.machine(),
          header.command_line(), header.unwinder()}) {
      largest = std::max(largest, index);
    }
    for (const auto* indices : {&header.option_keys(), &header.option_values(), &snapshot.threads().name(),
                                &snapshot.timeline().mark_name()}) {
      for (const std::uint32_t index : *indices) {
        largest = std::max(largest, index);
      }
    }
    for (const heapprof::Capability& capability : header.capabilities()) {
      largest = std::max({largest, capability.name(), capability.detail()});
    }
    if (largest >= size) {
      return Fault{Place::kSnapshot, 0,
                   absl::StrCat("string index ", largest, " is out of range: the table has ", size)};
    }
    if (header.option_keys_size() != header.option_values_size()) {
      return Fault{Place::kSnapshot, 0, "options and their values differ in number"};
    }
    if (snapshot.purges().collapse_failure_errno_size() != snapshot.purges().collapse_failure_count_size()) {
      return Fault{Place::kSnapshot, 0, "collapse failures and their counts differ in number"};
    }
    return histograms(snapshot.purges());
  }

  static MaybeFault histograms(const heapprof::Purges& purges) {
    for (const heapprof::Histogram* histogram :
         {&purges.bytes_histogram(), &purges.time_histogram(), &purges.refault_age_histogram()}) {
      if (histogram->count_size() > kMostBuckets) {
        return Fault{Place::kSnapshot, 0,
                     absl::StrCat("a histogram of purges has ", histogram->count_size(),
                                  " buckets, more than ", kMostBuckets)};
      }
    }
    return std::nullopt;
  }

  const ProfileColumns& profile_;
};

MaybeFault checkUnique(Place place, const std::vector<std::uint64_t>& ids) {
  for (std::size_t row = 0; row < ids.size(); ++row) {
    if (ids[row] == 0) {
      return Fault{place, row, "an id of 0"};
    }
  }
  IdTable table;
  const Row duplicate = table.define(ids);
  if (duplicate == kNoRow) {
    return std::nullopt;
  }
  return Fault{place, duplicate, absl::StrCat("the id ", ids[duplicate], " occurs twice")};
}

}  // namespace

std::optional<Fault> checkColumns(const ProfileColumns& profile) {
  return Checker(profile).run();
}

std::optional<Fault> checkIds(const ProfileColumns& profile) {
  std::vector<std::uint64_t> mappingIds;
  for (const Mapping& mapping : profile.mappings) {
    mappingIds.push_back(mapping.id);
  }
  MaybeFault fault = checkUnique(Place::kMapping, mappingIds);
  if (!fault) {
    fault = checkUnique(Place::kLocation, profile.locations.id);
  }
  if (!fault) {
    fault = checkUnique(Place::kFunction, profile.functions.id);
  }
  return fault;
}

std::string describePlace(const Fault& fault) {
  switch (fault.place) {
    case Place::kProfile:
      return "the profile";
    case Place::kSampleType:
      return absl::StrCat("sample type ", fault.row);
    case Place::kSample:
      return absl::StrCat("sample ", fault.row);
    case Place::kLocation:
      return absl::StrCat("location ", fault.row);
    case Place::kFunction:
      return absl::StrCat("function ", fault.row);
    case Place::kMapping:
      return absl::StrCat("mapping ", fault.row);
    case Place::kSnapshot:
      return "the heap snapshot";
  }
  return "";
}

absl::Status validate(const ProfileColumns& profile, const std::string& name) {
  std::optional<Fault> fault = checkColumns(profile);
  if (!fault) {
    fault = checkIds(profile);
  }
  if (!fault) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": ", describePlace(*fault), ": ", fault->what, "; it is no valid profile"));
}

}  // namespace heapprof::formats

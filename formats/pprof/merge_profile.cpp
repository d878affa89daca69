#include "formats/pprof/merge_profile.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "formats/pprof/row_bytes.h"
#include "formats/pprof/stack_sums.h"

namespace heapprof::formats {
namespace {

constexpr std::uint64_t kPageBytes = 4096;  // pprof's rounding of mapping sizes, whatever the kernel's page

// Rows of one kind, found by what makes two of them equal.
class RowIndex {
 public:
  // The row of this key, and whether it is new.
  std::pair<Row, bool> find(const std::string& key) {
    const auto [found, isNew] = rows_.try_emplace(key, static_cast<Row>(rows_.size()));
    return {found->second, isNew};
  }

 private:
  absl::flat_hash_map<std::string, Row> rows_;
};

class Merger {
 public:
  explicit Merger(absl::Span<const MergeInput> inputs) : inputs_(inputs) {}

  absl::StatusOr<ProfileColumns> run() {
    string("");
    for (const absl::Status& status : {commonSampleTypes(), samePeriodType()}) {
      if (!status.ok()) {
        return status;
      }
    }
    for (const MergeInput& input : inputs_) {
      if (input.profile->hasHeapSnapshot && input.scale > 0) {
        snapshotOf_ = &input;
      }
    }
    for (const MergeInput& input : inputs_) {
      addHead(*input.profile);
      from_ = input.profile;
      startTranslation();
      addSamples(input);
    }
    preferredType();
    keepSnapshot();
    return std::move(out_);
  }

  // A sample whose values have cancelled out, and which no snapshot refers to: it and what only it uses must
  // go.
  bool leavesZeros() const {
    for (std::size_t row = 0; row < referred_.size(); ++row) {
      if (!referred_[row] && isZero(out_, row)) {
        return true;
      }
    }
    return false;
  }

 private:
  // What the current input's rows have become; kNoRow: not met yet. Only what a sample uses is taken over.
  struct Translation {
    std::vector<StringIndex> strings;
    std::vector<Row> mappings, functions, locations, stacks;
    std::vector<std::size_t> valueOf;  // of each common sample type, its number in this input
  };

  static bool isZero(const ProfileColumns& profile, std::size_t row) {
    const std::size_t types = profile.sampleTypes.size();
    const auto* values = profile.samples.values.data() + row * types;
    return std::all_of(values, values + types, [](std::int64_t value) { return value == 0; });
  }

  StringIndex string(const std::string& text) {
    const auto [row, isNew] = stringIndex_.find(text);
    if (isNew && row != 0) {
      out_.strings.push_back(text);
    }
    return row;
  }

  StringIndex text(StringIndex index) {
    StringIndex& known = to_.strings[index];
    if (known == kNoRow) {
      known = string(from_->strings[index]);
    }
    return known;
  }

  // Which of the profile's sample types is the given one's namesake: the first for the first of that name and
  // unit in `like`, the second for the second. Its count of types if there is none.
  static std::size_t namesake(const ProfileColumns& profile, const ProfileColumns& like, std::size_t wanted) {
    const auto same = [&](const ProfileColumns& in, std::size_t i) {
      const ValueType &a = in.sampleTypes[i], &b = like.sampleTypes[wanted];
      return in.strings[a.type] == like.strings[b.type] && in.strings[a.unit] == like.strings[b.unit];
    };
    std::size_t before = 0;
    for (std::size_t i = 0; i < wanted; ++i) {
      before += same(like, i) ? 1 : 0;
    }
    std::size_t i = 0;
    while (i < profile.sampleTypes.size() && !(same(profile, i) && before-- == 0)) {
      ++i;
    }
    return i;
  }

  absl::Status commonSampleTypes() {
    if (inputs_.empty()) {
      return absl::InvalidArgumentError("nothing to merge; give at least one profile");
    }
    const ProfileColumns& first = *inputs_[0].profile;
    for (std::size_t i = 0; i < first.sampleTypes.size(); ++i) {
      const bool everywhere = std::all_of(inputs_.begin(), inputs_.end(), [&](const MergeInput& input) {
        return namesake(*input.profile, first, i) < input.profile->sampleTypes.size();
      });
      if (everywhere) {
        const ValueType& type = first.sampleTypes[i];
        out_.sampleTypes.push_back({string(first.strings[type.type]), string(first.strings[type.unit])});
      }
    }
    if (out_.sampleTypes.empty() && !first.sampleTypes.empty()) {
      return absl::InvalidArgumentError(
          "the profiles have no sample type in common; merge dumps of one kind");
    }
    return absl::OkStatus();
  }

  absl::Status samePeriodType() const {
    const auto words = [](const ProfileColumns& profile) {
      return absl::StrCat("'", profile.strings[profile.periodType.type], "' in '",
                          profile.strings[profile.periodType.unit], "'");
    };
    for (const MergeInput& input : inputs_) {
      if (words(*input.profile) != words(*inputs_[0].profile)) {
        return absl::InvalidArgumentError(absl::StrCat("the profiles' periods are of different kinds, ",
                                                       words(*inputs_[0].profile), " and ",
                                                       words(*input.profile), "; merge dumps of one kind"));
      }
    }
    return absl::OkStatus();
  }

  void addHead(const ProfileColumns& profile) {
    const auto taken = [&](StringIndex index) { return string(profile.strings[index]); };
    if (&profile == inputs_[0].profile) {
      out_.dropFrames = taken(profile.dropFrames);
      out_.keepFrames = taken(profile.keepFrames);
      out_.periodType = {taken(profile.periodType.type), taken(profile.periodType.unit)};
    }
    if (out_.defaultSampleType == 0) {
      out_.defaultSampleType = taken(profile.defaultSampleType);
    }
    if (out_.timeNanos == 0 || (profile.timeNanos != 0 && profile.timeNanos < out_.timeNanos)) {
      out_.timeNanos = profile.timeNanos;
    }
    out_.durationNanos += profile.durationNanos;
    out_.period = std::max(out_.period, profile.period);
    for (const StringIndex comment : profile.comments) {
      const StringIndex known = taken(comment);
      if (std::find(out_.comments.begin(), out_.comments.end(), known) == out_.comments.end()) {
        out_.comments.push_back(known);
      }
    }
  }

  // A preference for a type that is not common is no preference.
  void preferredType() {
    const auto& types = out_.sampleTypes;
    if (std::none_of(types.begin(), types.end(),
                     [&](const ValueType& type) { return type.type == out_.defaultSampleType; })) {
      out_.defaultSampleType = 0;
    }
  }

  void startTranslation() {
    to_.strings.assign(from_->strings.size(), kNoRow);
    to_.mappings.assign(from_->mappings.size(), kNoRow);
    to_.functions.assign(from_->functions.size(), kNoRow);
    to_.locations.assign(from_->locations.size(), kNoRow);
    to_.stacks.assign(from_->samples.stacks.size(), kNoRow);
    to_.valueOf.clear();
    for (std::size_t i = 0; i < out_.sampleTypes.size(); ++i) {
      to_.valueOf.push_back(namesake(*from_, out_, i));
    }
    // The first mapping is the program itself, whether a sample lies in it or not.
    if (from_ == inputs_[0].profile && !from_->mappings.empty()) {
      mappingOf(0);
    }
  }

  // What a row of the current input has become: looked up once a row, then by what makes two rows equal
  // (`putKey` writes it into key_), and taken over by `append` where nothing equal is in the result.
  template <class PutKey, class Append>
  Row translated(Row& known, RowIndex& index, const PutKey& putKey, const Append& append) {
    if (known == kNoRow) {
      putKey();
      const auto [row, isNew] = index.find(key_.bytes());
      if (isNew) {
        append(row);
      }
      known = row;
    }
    return known;
  }

  Row mappingOf(Row from) {
    const Mapping& mapping = from_->mappings[from];
    return translated(
        to_.mappings[from], mappingIndex_,
        [&] {
          const StringIndex buildId = text(mapping.buildId);
          key_.clear();
          key_.varint((mapping.limit - mapping.start + kPageBytes - 1) / kPageBytes);
          key_.varint(mapping.offset);
          key_.varint(buildId != 0 ? buildId : text(mapping.file));
        },
        [&](Row row) {
          out_.mappings.push_back(mapping);
          out_.mappings.back().id = row + 1u;
          out_.mappings.back().file = text(mapping.file);
          out_.mappings.back().buildId = text(mapping.buildId);
        });
  }

  Row functionOf(Row from) {
    const FunctionColumns& functions = from_->functions;
    const auto words = [&] {
      return std::array{text(functions.name[from]), text(functions.systemName[from]),
                        text(functions.file[from])};
    };
    return translated(
        to_.functions[from], functionIndex_,
        [&] {
          key_.clear();
          for (const StringIndex word : words()) {
            key_.varint(word);
          }
          key_.varint(static_cast<std::uint64_t>(functions.startLine[from]));
        },
        [&](Row row) {
          const auto [name, systemName, file] = words();
          out_.functions.id.push_back(row + 1u);
          out_.functions.name.push_back(name);
          out_.functions.systemName.push_back(systemName);
          out_.functions.file.push_back(file);
          out_.functions.startLine.push_back(functions.startLine[from]);
        });
  }

  Row locationOf(Row from) {
    const LocationColumns& locations = from_->locations;
    const std::uint64_t begin = locations.lineBegin[from], end = locations.lineBegin[from + 1u];
    const Row fromMapping = locations.mapping[from];
    const auto mapping = [&] { return fromMapping == kNoRow ? kNoRow : mappingOf(fromMapping); };
    const std::uint64_t inMapping =
        locations.address[from] - (fromMapping == kNoRow ? 0 : from_->mappings[fromMapping].start);
    return translated(
        to_.locations[from], locationIndex_,
        [&] {
          const Row of = mapping();
          lines_.clear();
          for (std::uint64_t k = begin; k < end; ++k) {
            lines_.varint(functionOf(locations.lineFunction[k]));
            lines_.varint(static_cast<std::uint64_t>(locations.lineNumber[k]));
            lines_.varint(static_cast<std::uint64_t>(locations.lineColumn[k]));
          }
          key_.clear();  // after the parts, which write theirs into it
          key_.varint(of);
          key_.varint(inMapping);
          key_.varint(locations.folded[from]);
          key_.message(1, lines_);
        },
        [&](Row row) {
          const Row of = mapping();
          LocationColumns& into = out_.locations;
          into.id.push_back(row + 1u);
          into.mapping.push_back(of);
          into.address.push_back(inMapping + (of == kNoRow ? 0 : out_.mappings[of].start));
          into.folded.push_back(locations.folded[from]);
          for (std::uint64_t k = begin; k < end; ++k) {
            into.lineFunction.push_back(functionOf(locations.lineFunction[k]));
            into.lineNumber.push_back(locations.lineNumber[k]);
            into.lineColumn.push_back(locations.lineColumn[k]);
          }
          into.lineBegin.push_back(into.lineFunction.size());
        });
  }

  void addSamples(const MergeInput& input) {
    const SampleColumns& samples = from_->samples;
    const std::size_t fromTypes = from_->sampleTypes.size(), types = out_.sampleTypes.size();
    const bool keeps = &input == snapshotOf_;
    std::vector<bool> named(samples.size(), false);
    if (keeps) {
      for (const std::uint64_t index : from_->heapSnapshot.stacks().sample_index()) {
        named[index] = true;
      }
    }
    mergedRows_.assign(samples.size(), kNoRow);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (!named[i] && isZero(*from_, i)) {
        continue;
      }
      const Row row = addSample(i);
      for (std::size_t type = 0; type < types; ++type) {  // unsigned: overflow wraps, as in pprof
        const auto value = static_cast<std::uint64_t>(samples.values[i * fromTypes + to_.valueOf[type]]);
        std::int64_t& sum = out_.samples.values[row * types + type];
        sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum) +
                                        value * static_cast<std::uint64_t>(input.scale));
      }
      mergedRows_[i] = row;
    }
    if (inputs_.size() > 1 && snapshotOf_ != nullptr) {
      stackSums_.add(from_->heapSnapshot.stacks(), mergedRows_, input.scale);
    }
    if (keeps) {
      snapshotSamples_ = mergedRows_;
    }
  }

  // Label rows of a sample in the order in which they count as equal: words before numbers, each by key,
  // several of one key as they came.
  const std::vector<std::uint64_t>& labelRows(std::size_t sample) {
    const SampleColumns& samples = from_->samples;
    labelRows_.clear();
    for (std::uint64_t k = samples.labelBegin[sample]; k < samples.labelBegin[sample + 1]; ++k) {
      labelRows_.push_back(k);
    }
    std::stable_sort(labelRows_.begin(), labelRows_.end(), [&](std::uint64_t a, std::uint64_t b) {
      const auto rank = [&](std::uint64_t k) {
        return std::pair(text(samples.labels.str[k]) == 0, text(samples.labels.key[k]));
      };
      return rank(a) < rank(b);
    });
    return labelRows_;
  }

  Row stackOf(Row from) {
    Row& known = to_.stacks[from];
    if (known == kNoRow) {
      StackColumns& stacks = out_.samples.stacks;
      known = static_cast<Row>(stacks.size());
      for (const Row location : from_->samples.stacks[from]) {
        stacks.locations.push_back(locationOf(location));
      }
      stacks.locationBegin.push_back(stacks.locations.size());
    }
    return known;
  }

  Row addSample(std::size_t i) {
    const SampleColumns& samples = from_->samples;
    const LabelColumns& labels = samples.labels;
    const absl::Span<const Row> stack = samples.locationsOf(i);
    sampleKey_.clear();
    sampleKey_.varint(stack.size());
    for (const Row location : stack) {
      sampleKey_.varint(locationOf(location));
    }
    for (const std::uint64_t k : labelRows(i)) {
      sampleKey_.varint(text(labels.key[k]));
      sampleKey_.varint(text(labels.str[k]));
      sampleKey_.varint(static_cast<std::uint64_t>(labels.num[k]));
      sampleKey_.varint(text(labels.unit[k]));
    }
    const auto [row, isNew] = sampleIndex_.find(sampleKey_.bytes());
    if (isNew) {
      SampleColumns& into = out_.samples;
      into.stack.push_back(stackOf(samples.stack[i]));
      into.values.resize(into.values.size() + out_.sampleTypes.size(), 0);
      for (const std::uint64_t k : labelRows_) {
        into.labels.key.push_back(text(labels.key[k]));
        into.labels.str.push_back(text(labels.str[k]));
        into.labels.num.push_back(labels.num[k]);
        into.labels.unit.push_back(text(labels.unit[k]));
      }
      into.labelBegin.push_back(into.labels.key.size());
    }
    return row;
  }

  void keepSnapshot() {
    referred_.assign(out_.samples.size(), false);
    if (snapshotOf_ == nullptr) {
      return;
    }
    out_.hasHeapSnapshot = true;
    out_.heapSnapshot = snapshotOf_->profile->heapSnapshot;
    if (inputs_.size() == 1 && !out_.heapSnapshot.has_stacks()) {
      return;
    }
    for (std::uint64_t& index : *out_.heapSnapshot.mutable_stacks()->mutable_sample_index()) {
      index = snapshotSamples_[index];
      referred_[index] = true;
    }
    if (inputs_.size() == 1) {
      return;
    }
    // What the parts know of their own figures becomes what is known of the sums.
    std::vector<bool> goes(out_.samples.size());
    for (std::size_t row = 0; row < goes.size(); ++row) {
      goes[row] = isZero(out_, row);
    }
    stackSums_.putInto(goes, &out_.heapSnapshot);
  }

  absl::Span<const MergeInput> inputs_;
  ProfileColumns out_;
  const ProfileColumns* from_ = nullptr;
  Translation to_;
  RowIndex stringIndex_, mappingIndex_, functionIndex_, locationIndex_, sampleIndex_;
  RowBytes key_, lines_, sampleKey_;
  std::vector<std::uint64_t> labelRows_;
  const MergeInput* snapshotOf_ = nullptr;
  std::vector<Row> mergedRows_, snapshotSamples_;  // of the current input, of the kept snapshot's
  StackSums stackSums_;
  std::vector<bool> referred_;
};

}  // namespace

absl::StatusOr<ProfileColumns> mergeProfiles(absl::Span<const MergeInput> inputs) {
  Merger merger(inputs);
  absl::StatusOr<ProfileColumns> merged = merger.run();
  if (!merged.ok() || !merger.leavesZeros()) {
    return merged;
  }
  // Once more, which leaves out the zeros and what only they used.
  const MergeInput all[] = {{&*merged, 1}};
  return Merger(all).run();
}

}  // namespace heapprof::formats

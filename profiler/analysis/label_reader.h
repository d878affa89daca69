// Labels of samples as pprof reads them: a string one has a string, a numeric one a number or a unit (0
// without a unit is not a label at all). Used to tell equal samples and to apply tag filters.
//
// Invariant: const after construction and learnUnits(); unit(key) is the first unit seen for that key, else
// what pprof infers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "profiler/analysis/filters.h"
#include "profiler/model/snapshot.h"

namespace heapprof::analysis {

struct Label {
  absl::string_view key, text, unit;
  std::int64_t number = 0;
  bool isText = false;
};

// Calls visit(const Label&) for each label of a sample, in the file's order.
template <typename Visit>
void forEachLabel(const model::Snapshot& snapshot, std::size_t row, const Visit& visit) {
  const formats::SampleColumns& samples = snapshot.columns().samples;
  const formats::LabelColumns& labels = samples.labels;
  for (std::uint64_t i = samples.labelBegin[row]; i < samples.labelBegin[row + 1]; ++i) {
    const bool isText = labels.str[i] != 0;
    if (!isText && labels.num[i] == 0 && labels.unit[i] == 0) continue;
    visit(Label{snapshot.text(labels.key[i]), snapshot.text(labels.str[i]), snapshot.text(labels.unit[i]),
                labels.num[i], isText});
  }
}

class LabelReader {
 public:
  // `baseline` may be null. Units are learned at once where a filter needs them.
  LabelReader(const model::Snapshot& snapshot, const model::Snapshot* baseline,
              const CompiledFilters& filters);

  bool passes(std::size_t side, std::size_t row) const;

  // A text equal for samples with equal labels and only for those.
  std::string identity(std::size_t side, std::size_t row) const;

  // For readers that print labels: a pass over all of them, then the unit of a key.
  void learnUnits();
  std::string unit(absl::string_view key) const;

 private:
  bool matchesFilter(const TagFilter& filter, const model::Snapshot& snapshot, std::size_t row) const;
  void learnUnits(const model::Snapshot& snapshot);

  const model::Snapshot* sides_[2];
  const CompiledFilters& filters_;
  absl::flat_hash_map<std::string, std::string> unitOfKey_;
};

}  // namespace heapprof::analysis

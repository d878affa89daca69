// Labels of samples as pprof reads them: a string one has a string, a numeric one a number or a unit (0
// without a unit is not a label at all). Used to tell equal samples and to apply tag filters.
//
// Invariant: const after construction; unit(key) is the first unit seen for that key, else what pprof infers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "profiler/analysis/filters.h"
#include "profiler/model/snapshot.h"

namespace heapprof::analysis {

class LabelReader {
 public:
  // `baseline` may be null.
  LabelReader(const model::Snapshot& snapshot, const model::Snapshot* baseline,
              const CompiledFilters& filters);

  bool passes(std::size_t side, std::size_t row) const;

  // A text equal for samples with equal labels and only for those.
  std::string identity(std::size_t side, std::size_t row) const;

 private:
  bool matchesFilter(const TagFilter& filter, const model::Snapshot& snapshot, std::size_t row) const;
  void learnUnits(const model::Snapshot& snapshot);
  std::string unit(absl::string_view key) const;

  const model::Snapshot* sides_[2];
  const CompiledFilters& filters_;
  absl::flat_hash_map<std::string, std::string> unitOfKey_;
};

}  // namespace heapprof::analysis

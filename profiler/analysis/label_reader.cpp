#include "profiler/analysis/label_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace heapprof::analysis {
LabelReader::LabelReader(const model::Snapshot& snapshot, const model::Snapshot* baseline,
                         const CompiledFilters& filters)
    : sides_{&snapshot, baseline}, filters_(filters) {
  if (filters.hasTags()) learnUnits();
}

void LabelReader::learnUnits() {
  for (const model::Snapshot* side : sides_) {
    if (side != nullptr) learnUnits(*side);
  }
}

void LabelReader::learnUnits(const model::Snapshot& snapshot) {
  for (std::size_t row = 0; row < snapshot.columns().samples.size(); ++row) {
    forEachLabel(snapshot, row, [this](const Label& label) {
      if (!label.isText && !label.unit.empty()) unitOfKey_.try_emplace(label.key, label.unit);
    });
  }
}

std::string LabelReader::unit(absl::string_view key) const {
  auto known = unitOfKey_.find(key);
  if (known != unitOfKey_.end()) return known->second;
  return key == "alignment" || key == "request" ? "bytes" : std::string(key);
}

bool LabelReader::passes(std::size_t side, std::size_t row) const {
  auto hit = [&](const TagFilter& filter) { return matchesFilter(filter, *sides_[side], row); };
  return std::all_of(filters_.tagFocus.begin(), filters_.tagFocus.end(), hit) &&
         std::none_of(filters_.tagIgnore.begin(), filters_.tagIgnore.end(), hit);
}

bool LabelReader::matchesFilter(const TagFilter& filter, const model::Snapshot& snapshot,
                                std::size_t row) const {
  std::vector<std::uint8_t> regexHit(filter.regexes.size(), 0);
  bool numberHit = false;
  forEachLabel(snapshot, row, [&](const Label& label) {
    if (!filter.key.empty() && label.key != filter.key) return;
    if (filter.number) {
      numberHit = numberHit || (!label.isText && filter.number(label.number, unit(label.key)));
    } else if (label.isText) {
      const std::string text =
          filter.key.empty() ? absl::StrCat(label.key, ":", label.text) : std::string(label.text);
      for (std::size_t i = 0; i < regexHit.size(); ++i) {
        if (!regexHit[i]) regexHit[i] = matches(*filter.regexes[i], text);
      }
    }
  });
  if (filter.number) return numberHit;
  auto isHit = [](std::uint8_t hit) { return hit != 0; };
  return filter.key.empty() ? std::all_of(regexHit.begin(), regexHit.end(), isHit)
                            : std::any_of(regexHit.begin(), regexHit.end(), isHit);
}

std::string LabelReader::identity(std::size_t side, std::size_t row) const {
  std::vector<std::string> parts;
  forEachLabel(*sides_[side], row, [&parts](const Label& label) {
    parts.push_back(absl::StrCat(label.isText ? "s" : "n", label.key.size(), ":", label.key, "=", label.text,
                                 "/", label.number, "/", label.unit));
  });
  // Values of one key keep their order, keys do not matter.
  std::stable_sort(parts.begin(), parts.end());
  std::string joined;
  for (const std::string& part : parts) absl::StrAppend(&joined, part.size(), ":", part);
  return joined;
}

}  // namespace heapprof::analysis

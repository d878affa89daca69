// Address ranges to values, for tables that are built once and asked often: units, functions, symbols.
//
// Invariant after seal(): sorted by `low`; reach_[i] is the largest `high` of rows 0..i, so that a search may
// stop as soon as nothing further left can contain the address. Ranges may overlap or nest: the one that
// starts last wins. Owner: one Module, one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace heapprof::symbols {

template <typename Value>
class RangeMap {
 public:
  void add(std::uint64_t low, std::uint64_t high, Value value) {
    if (low < high) rows_.push_back({low, high, value});
  }

  void seal() {
    std::stable_sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.low < b.low; });
    reach_.reserve(rows_.size());
    std::uint64_t reach = 0;
    for (const Row& row : rows_) reach_.push_back(reach = std::max(reach, row.high));
  }

  // Null where no range holds the address. The pointer lives as long as the map.
  const Value* find(std::uint64_t address) const {
    auto after = std::upper_bound(rows_.begin(), rows_.end(), address,
                                  [](std::uint64_t value, const Row& row) { return value < row.low; });
    for (auto i = static_cast<std::size_t>(after - rows_.begin()); i > 0 && reach_[i - 1] > address; --i) {
      if (rows_[i - 1].high > address) return &rows_[i - 1].value;
    }
    return nullptr;
  }

  bool empty() const { return rows_.empty(); }

 private:
  struct Row {
    std::uint64_t low, high;
    Value value;
  };
  std::vector<Row> rows_;
  std::vector<std::uint64_t> reach_;
};

}  // namespace heapprof::symbols

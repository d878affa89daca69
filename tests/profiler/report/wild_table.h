// A table that every format has to carry: all units, errors and unknown cells here and there, texts with
// marks that some format has a use for. Invariant: the table depends on the seed only.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "profiler/model/columns.h"

namespace heapprof::test {

inline model::Table randomTable(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  model::Table table;
  table.id = "wild";
  table.title = "Wild \"title\"\twith\nmarks";
  table.notes = {"a note"};
  const model::Unit units[] = {model::Unit::kText,          model::Unit::kBytes,    model::Unit::kCount,
                               model::Unit::kNanoseconds,   model::Unit::kFraction, model::Unit::kAddress,
                               model::Unit::kBytesPerSecond};
  for (const model::Unit unit : units) {
    model::Column column = model::numberColumn("c" + std::to_string(static_cast<int>(unit)), "Title", unit,
                                               "help", random() % 2 == 0);
    for (int row = 0; row < 20; ++row) {
      if (random() % 5 == 0) {
        model::addUnknown(column);
      } else if (unit == model::Unit::kText) {
        column.texts.push_back(std::string("text ") + static_cast<char>(random() % 256) + "\"\\");
        if (!column.known.empty()) column.known.push_back(1);
      } else {
        const double whole = static_cast<double>(random() >> (12 + random() % 50));
        model::addKnown(column, unit == model::Unit::kFraction  ? whole / 1e18
                                : unit == model::Unit::kAddress ? whole
                                                                : -whole);
      }
    }
    if (unit != model::Unit::kText && random() % 2 == 0) {
      for (int row = 0; row < 20; ++row) {
        column.standardError.push_back(random() % 3 == 0 ? model::kNoError
                                                         : static_cast<double>(random() % 1000));
      }
    }
    table.columns.push_back(std::move(column));
  }
  return table;
}

}  // namespace heapprof::test

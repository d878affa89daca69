#include "profiler/report/change_lines.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"

#include "profiler/model/units.h"
#include "profiler/report/text.h"

namespace heapprof::report {

std::string changeLines(const model::Table& table, const char* title, std::initializer_list<const char*> ids,
                        std::size_t most, double least) {
  const model::Column& change = *table.find("change");
  std::vector<std::vector<std::string>> rows(1);
  std::vector<Align> alignment;
  for (const char* id : ids) {
    rows[0].push_back(table.find(id)->title);
    alignment.push_back(table.find(id)->unit == model::Unit::kText ? Align::kLeft : Align::kRight);
  }
  for (std::size_t row = 0; row < table.rows() && rows.size() <= most; ++row) {
    if (change.isKnown(row) && std::fabs(change.values[row]) < least) continue;
    std::vector<std::string>& cells = rows.emplace_back();
    for (const char* id : ids) cells.push_back(model::cellText(*table.find(id), row));
  }
  return rows.size() == 1 ? "" : absl::StrCat("\n", title, "\n", aligned(rows, alignment, "  "));
}

}  // namespace heapprof::report

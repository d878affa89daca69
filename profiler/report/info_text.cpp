#include "profiler/report/info_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "profiler/report/text.h"

namespace heapprof::report {

std::string infoText(const model::Table& info) {
  const model::Column& group = *info.find("group");
  const model::Column& name = *info.find("name");
  const model::Column& value = *info.find("value");
  std::size_t width = 0;
  for (const std::string& text : name.texts) width = std::max(width, text.size());
  std::string out;
  for (std::size_t row = 0; row < info.rows(); ++row) {
    if (row == 0 || group.texts[row] != group.texts[row - 1]) {
      absl::StrAppend(&out, row == 0 ? "" : "\n", group.texts[row], "\n");
    }
    absl::StrAppend(&out, "  ", padded(name.texts[row], width, Align::kLeft), "  ", value.texts[row], "\n");
  }
  return out;
}

}  // namespace heapprof::report

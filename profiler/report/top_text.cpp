#include "profiler/report/top_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "profiler/model/units.h"
#include "profiler/report/pprof_header.h"

namespace heapprof::report {

std::string topText(const model::Query& query, const analysis::TopResult& result) {
  const Figures figures(query, result);
  const std::int64_t total = exact(result.total);
  std::string out = graphHeader(query, result, figures);
  absl::StrAppendFormat(&out, "%10s %5s%% %5s%% %10s %5s%%\n", "flat", "flat", "sum", "cum", "cum");
  const model::Column& flat = *result.table.find("flat");
  const model::Column& cum = *result.table.find("cum");
  const model::Column& name = *result.table.find("name");
  const model::Column& state = *result.table.find("inline_state");
  std::int64_t running = 0;
  for (std::size_t row = 0; row < result.table.rows(); ++row) {
    const std::int64_t own = exact(flat.values[row]), all = exact(cum.values[row]);
    running += own;
    absl::StrAppendFormat(&out, "%10s %s %s %10s %s  %s%s\n", figures(own), model::percentage(own, total),
                          model::percentage(running, total), figures(all), model::percentage(all, total),
                          name.texts[row],
                          state.texts[row].empty() ? "" : absl::StrCat(" (", state.texts[row], ")"));
  }
  return out;
}

}  // namespace heapprof::report

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "profiler/model/units.h"
#include "profiler/report/pprof_header.h"
#include "profiler/report/pprof_texts.h"

namespace heapprof::report {
namespace {

constexpr char kRule[] = "----------------------------------------------------------+-------------\n";
constexpr char kLegend[] =
    "      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t \n";  // the tabs are pprof's

}  // namespace

std::string treeText(const model::Query& query, const analysis::TreeResult& result) {
  const Figures figures(query, result.top);
  const std::int64_t total = exact(result.top.total);
  const model::Column& flat = *result.rows.find("flat");
  const model::Column& cum = *result.rows.find("cum");
  const model::Column& name = *result.rows.find("name");
  const model::Column& ofRow = *result.calls.find("row");
  const model::Column& direction = *result.calls.find("direction");
  const model::Column& other = *result.calls.find("name");
  const model::Column& weight = *result.calls.find("weight");
  const model::Column& inlined = *result.calls.find("inline_state");

  std::string out = absl::StrCat(graphHeader(query, result.top, figures), kRule, kLegend);
  std::size_t call = 0;  // calls come in the order of rows, callers first
  std::int64_t running = 0;
  for (std::size_t row = 0; row < result.rows.rows(); ++row) {
    const std::int64_t own = exact(flat.values[row]), all = exact(cum.values[row]);
    auto addCalls = [&](absl::string_view way) {
      for (; call < result.calls.rows() && ofRow.values[call] == static_cast<double>(row) &&
             direction.texts[call] == way;
           ++call) {
        const std::int64_t through = exact(weight.values[call]);
        absl::StrAppendFormat(&out, "%50s %s |   %s%s\n", figures(through), model::percentage(through, all),
                              other.texts[call], inlined.texts[call].empty() ? "" : " (inline)");
      }
    };
    absl::StrAppend(&out, kRule);
    addCalls("caller");
    running += own;
    absl::StrAppendFormat(&out, "%10s %s %s %10s %s                | %s\n", figures(own),
                          model::percentage(own, total), model::percentage(running, total), figures(all),
                          model::percentage(all, total), name.texts[row]);
    addCalls("callee");
  }
  if (result.top.table.rows() > 0) absl::StrAppend(&out, kRule);
  return out;
}

}  // namespace heapprof::report

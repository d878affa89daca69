#include "profiler/report/check_report.h"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "profiler/model/columns.h"
#include "profiler/model/units.h"
#include "profiler/report/stack_lines.h"
#include "profiler/report/text.h"
#include "profiler/report/xml.h"

namespace heapprof::report {
namespace {

using analysis::GateResult, analysis::GateState;
using model::cellText;

// What grew, a line each.
std::string grownText(const model::Table& grown, bool fullStacks, absl::string_view indent) {
  if (grown.rows() == 0) return "";
  std::vector<std::vector<std::string>> rows;
  const model::Column& change = *grown.find("change");
  for (std::size_t row = 0; row < grown.rows(); ++row) {
    rows.push_back(
        {cellText(change, row), errorAt(change, row), grown.find("state")->texts[row],
         grown.find("owner")->texts[row],
         absl::StrCat("< ", shortStack(grown.find("stack")->texts[row], grown.find("owner")->texts[row]))});
    if (fullStacks) rows.back().pop_back();
  }
  if (!fullStacks)
    return aligned(rows, {Align::kRight, Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft}, indent);
  std::string out;
  for (std::size_t row = 0; row < grown.rows(); ++row) {
    absl::StrAppend(&out,
                    aligned({rows[row]}, {Align::kRight, Align::kLeft, Align::kLeft, Align::kLeft}, indent),
                    stackLines(grown.find("stack")->texts[row], "", true, absl::StrCat(indent, "    ")));
  }
  return out;
}

// SARIF wants URIs.
std::string uriOf(absl::string_view path) {
  std::string out = !path.empty() && path[0] == '/' ? "file://" : "";
  for (char c : path) {
    const bool plain = absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                       absl::string_view("-._~/").find(c) != absl::string_view::npos;
    if (plain) {
      out += c;
    } else {
      absl::StrAppendFormat(&out, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

}  // namespace

const char* gateStateName(GateState state) {
  return state == GateState::kOk ? "ok" : state == GateState::kTripped ? "tripped" : "inconclusive";
}

model::Table gatesTable(const CheckView& view) {
  using model::numberColumn, model::textColumn;
  model::Column gate = textColumn("gate", "Gate", "as given by --fail-on");
  model::Column state = textColumn("state", "State", "ok, tripped, or inconclusive: within sampling error");
  model::Column base = numberColumn("base", "Base", model::Unit::kCount, "in bytes or objects");
  model::Column now = numberColumn("new", "New", model::Unit::kCount, "the same in the new dump");
  model::Column change = numberColumn("change", "Change", model::Unit::kCount, "new minus base", true);
  model::Column limit = numberColumn("limit", "Limit", model::Unit::kCount, "growth up to this passes", true);
  model::Column reason = textColumn("reason", "Reason", "the same as one sentence");
  bool bytes = true;
  for (const GateResult& one : view.gates) {
    bytes = bytes && one.unit == model::Unit::kBytes;
    gate.texts.push_back(one.gate.text);
    state.texts.emplace_back(gateStateName(one.state));
    addKnown(base, one.base);
    addKnown(now, one.now);
    addWithError(change, one.change, one.error);
    addKnown(limit, one.limit);
    reason.texts.push_back(one.reason);
  }
  if (bytes) base.unit = now.unit = change.unit = limit.unit = model::Unit::kBytes;
  model::Table table;
  table.id = "gates";
  table.title = "Gates";
  table.columns = {std::move(gate),   std::move(state), std::move(base),  std::move(now),
                   std::move(change), std::move(limit), std::move(reason)};
  return table;
}

std::string checkText(const CheckView& view, bool fullStacks) {
  std::string out = absl::StrCat("base ", view.base, "\nnew  ", view.now, "\n");
  for (const GateResult& one : view.gates) {
    const std::string state = one.state == GateState::kOk        ? "ok"
                              : one.state == GateState::kTripped ? "TRIPPED"
                                                                 : "INCONCLUSIVE";
    absl::StrAppend(&out, "\n", state, "  ", one.gate.text, "\n  ", one.reason, "\n");
    if (one.state != GateState::kOk) absl::StrAppend(&out, grownText(one.stacks, fullStacks, "  "));
  }
  return out;
}

std::string checkJunit(const CheckView& view) {
  std::size_t failures = 0, errors = 0;
  std::string cases;
  for (const GateResult& one : view.gates) {
    absl::StrAppend(&cases, "    <testcase classname=\"heapprof.check\" name=\"", xmlEscaped(one.gate.text),
                    "\" time=\"0\"");
    if (one.state == GateState::kOk) {
      absl::StrAppend(&cases, "/>\n");
      continue;
    }
    const bool tripped = one.state == GateState::kTripped;
    (tripped ? failures : errors) += 1;
    const char* element = tripped ? "failure" : "error";
    absl::StrAppend(&cases, ">\n      <", element, " type=\"", gateStateName(one.state), "\" message=\"",
                    xmlEscaped(one.reason), "\">", xmlEscaped(grownText(one.stacks, true, "")), "</", element,
                    ">\n    </testcase>\n");
  }
  const std::string counts =
      absl::StrFormat("tests=\"%d\" failures=\"%d\" errors=\"%d\"", view.gates.size(), failures, errors);
  return absl::StrCat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites ", counts,
                      ">\n  <testsuite name=\"heapprof check\" ", counts,
                      ">\n    <properties>\n      <property name=\"base\" value=\"", xmlEscaped(view.base),
                      "\"/>\n      <property name=\"new\" value=\"", xmlEscaped(view.now),
                      "\"/>\n    </properties>\n", cases, "  </testsuite>\n</testsuites>\n");
}

std::string checkSarif(const CheckView& view, const std::string& toolVersion) {
  using Json = nlohmann::ordered_json;
  Json rules = Json::array(), results = Json::array();
  for (const GateResult& one : view.gates) {
    rules.push_back({{"id", one.gate.text},
                     {"shortDescription",
                      {{"text", absl::StrCat("growth of ", one.gate.metric, " against a baseline")}}}});
    if (one.state == GateState::kOk) continue;
    std::string text = one.reason;
    if (one.stacks.rows() > 0) absl::StrAppend(&text, "\n", grownText(one.stacks, false, ""));
    Json result = {{"ruleId", one.gate.text},
                   {"level", one.state == GateState::kTripped ? "error" : "warning"},
                   {"kind", one.state == GateState::kTripped ? "fail" : "review"},
                   {"message", {{"text", text}}}};
    // A level is allowed with kind "fail" only.
    if (one.state != GateState::kTripped) result.erase("level");
    Json locations = Json::array();
    const model::Column* places = one.stacks.find("place");
    for (std::size_t row = 0; places != nullptr && row < one.stacks.rows() && locations.empty(); ++row) {
      const std::string& place = places->texts[row];
      const std::size_t colon = place.rfind(':');
      int line = 0;
      if (colon == std::string::npos || !absl::SimpleAtoi(place.substr(colon + 1), &line) || line < 1)
        continue;
      locations.push_back({{"physicalLocation",
                            {{"artifactLocation", {{"uri", uriOf(place.substr(0, colon))}}},
                             {"region", {{"startLine", line}}}}},
                           {"logicalLocations",
                            Json::array({{{"fullyQualifiedName", one.stacks.find("owner")->texts[row]}}})}});
    }
    if (!locations.empty()) result["locations"] = std::move(locations);
    results.push_back(std::move(result));
  }
  const Json root = {
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
      {"version", "2.1.0"},
      {"runs",
       Json::array(
           {{{"tool",
              {{"driver", {{"name", "heapprof"}, {"version", toolVersion}, {"rules", std::move(rules)}}}}},
             {"results", std::move(results)}}})}};
  return absl::StrCat(root.dump(1, ' ', false, Json::error_handler_t::replace), "\n");
}

}  // namespace heapprof::report

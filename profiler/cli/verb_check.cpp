// `heapprof check NEW --base B --fail-on GATE`: growth as a gate for CI, with error bars.
#include <fstream>

#include "absl/strings/str_cat.h"

#include "profiler/analysis/gates.h"
#include "profiler/cli/output.h"
#include "profiler/cli/query_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/report/check_report.h"

namespace heapprof::cli {
namespace {

QueryFlags flags;
std::string newFile, baseFile, junitFile, sarifFile;
std::vector<std::string> gates;
double sigma = 2;
bool fullStacks = false;

absl::Status writeFile(const std::string& path, const std::string& text) {
  if (path.empty()) return absl::OkStatus();
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  return out ? absl::OkStatus() : absl::UnavailableError(absl::StrCat(path, ": cannot be written"));
}

}  // namespace

void addCheckFlags(FlagSet& app) {
  app.addOption("NEW", newFile, "the dump to judge").required();
  app.addOption("--base", baseFile, "the dump that it is compared with").required();
  app.addOption("--fail-on", gates,
                "METRIC:+SHARE%,+BYTES: trips where growth exceeds both; may be given again")
      .required()
      .onceEach();
  app.addOption("--sigma", sigma, "standard errors within which a change counts as none")
      .within(0.5, 10.0)
      .showDefault();
  app.addOption("--junit", junitFile, "write a JUnit report there as well");
  app.addOption("--sarif", sarifFile, "write a SARIF report there as well");
  flags.addStackFilters(app);
  app.addFlag("--normalize", flags.normalize, "scale the new dump to the base's total first");
  app.addFlag("--stacks", fullStacks, "print whole stacks of what grew");
  flags.addFormat(app);
}

int runCheck() {
  std::vector<analysis::Gate> parsed;
  for (const std::string& text : gates) {
    absl::StatusOr<analysis::Gate> gate = analysis::parseGate(text);
    if (!gate.ok()) return fail(gate.status());
    parsed.push_back(*std::move(gate));
  }
  QueryFlags given = flags;
  given.base = {baseFile};
  absl::StatusOr<model::Query> query = given.toQuery(newFile);
  if (!query.ok()) return fail(query.status());

  report::CheckView view{baseFile, newFile, {}};
  int status = kClean;
  for (const analysis::Gate& gate : parsed) {
    absl::StatusOr<analysis::GateResult> result = analysis::checkGate(gate, *query, sigma);
    if (!result.ok()) return fail(result.status());
    if (result->state == analysis::GateState::kTripped) status = kGateTripped;
    if (result->state == analysis::GateState::kInconclusive && status == kClean) status = kInconclusive;
    view.gates.push_back(*std::move(result));
  }
  absl::Status written = writeFile(junitFile, report::checkJunit(view));
  if (written.ok()) written = writeFile(sarifFile, report::checkSarif(view, HEAPPROF_VERSION));
  if (!written.ok()) return fail(written);

  report::Document document;
  document.verb = "check";
  document.text = [&view] { return report::checkText(view, fullStacks); };
  if (flags.format.wantsTables()) {
    document.tables.push_back(report::gatesTable(view));
    for (const analysis::GateResult& gate : view.gates) {
      if (gate.stacks.rows() == 0) continue;
      document.tables.push_back(gate.stacks);
      document.tables.back().id = absl::StrCat("grown_", gate.gate.metric);
    }
  }
  const int shown = write(flags.format, std::move(document));
  return shown == kClean ? status : shown;
}

}  // namespace heapprof::cli

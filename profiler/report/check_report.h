// The answers of gates: as text for a log, as JUnit for test reports, as SARIF for code scanning.
//
// Invariant: pure; all three tell the same states. A gate that could not tell is an error in JUnit and a
// warning in SARIF, never a pass.
#pragma once

#include <string>
#include <vector>

#include "profiler/analysis/gates.h"

namespace heapprof::report {

struct CheckView {
  std::string base, now;  // paths
  std::vector<analysis::GateResult> gates;
};

const char* gateStateName(analysis::GateState state);
model::Table gatesTable(const CheckView& view);
std::string checkText(const CheckView& view, bool fullStacks);
std::string checkJunit(const CheckView& view);
std::string checkSarif(const CheckView& view, const std::string& toolVersion);

}  // namespace heapprof::report

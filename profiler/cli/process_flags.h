// What dump, ctl and watch share: the PID, and the runtime's figures as facts.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/status/statusor.h"

#include "profiler/cli/flag_set.h"
#include "profiler/report/document.h"

namespace heapprof::cli {

// Refuses what is no number before anything else is done.
void addPidFlag(FlagSet& app, std::string* pid);
pid_t pidOf(const std::string& text);

// Of the control socket's `stats`: units by the names' endings, in the runtime's order; unknown keys too.
absl::StatusOr<std::vector<report::Fact>> factsOf(const std::string& statsJson);
// The figure, or `fallback` where the runtime does not give it.
double figure(const std::vector<report::Fact>& facts, const std::string& id, double fallback = 0);

}  // namespace heapprof::cli

#include "profiler/cli/process_flags.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace heapprof::cli {
namespace {

bool readPid(const std::string& text, pid_t* out) {
  return absl::SimpleAtoi(text, out) && *out > 0;
}

// Where the name in the runtime's JSON is no title for a person.
constexpr struct {
  const char* id;
  const char* title;
} kTitles[] = {
    {"pid", "PID"},
    {"monotonic_nanos", "Machine up for"},  // CLOCK_MONOTONIC: rates of two answers are taken over it
    {"rss_bytes", "RSS"},
    {"refaulted_10s_bytes", "Refaulted in 10 s"},
};

// "purged_bytes" as a person reads it: "Purged".
std::string titleOf(const std::string& id) {
  for (const auto& row : kTitles) {
    if (id == row.id) return row.title;
  }
  std::string title = absl::StrReplaceAll(id, {{"_bytes", ""}, {"_nanos", ""}, {"_", " "}});
  if (!title.empty() && title[0] >= 'a' && title[0] <= 'z')
    title[0] = static_cast<char>(title[0] - 'a' + 'A');
  return title;
}

}  // namespace

void addPidFlag(FlagSet& app, std::string* pid) {
  app.addOption("PID", *pid, "the process; pgrep -l NAME finds its number")
      .required()
      .satisfies(
          [](const std::string& text) {
            pid_t number = 0;
            return readPid(text, &number)
                       ? std::string()
                       : absl::StrCat("\"", text, "\" is not a process number; pgrep -l NAME finds one's");
          },
          "NUMBER");
}

pid_t pidOf(const std::string& text) {
  pid_t number = 0;
  return readPid(text, &number) ? number : 0;
}

absl::StatusOr<std::vector<report::Fact>> factsOf(const std::string& statsJson) {
  const auto root = nlohmann::ordered_json::parse(statsJson, nullptr, false);
  if (!root.is_object())
    return absl::DataLossError("the runtime's figures are not JSON: is it of another version?");
  std::vector<report::Fact> facts;
  for (const auto& [id, value] : root.items()) {
    if (value.is_string()) {
      facts.push_back(report::textFact(id, titleOf(id), value.get<std::string>()));
    } else if (value.is_number()) {
      const model::Unit unit = absl::EndsWith(id, "_bytes")   ? model::Unit::kBytes
                               : absl::EndsWith(id, "_nanos") ? model::Unit::kNanoseconds
                                                              : model::Unit::kCount;
      facts.push_back(report::numberFact(id, titleOf(id), unit, value.get<double>()));
    }
  }
  return facts;
}

double figure(const std::vector<report::Fact>& facts, const std::string& id, double fallback) {
  for (const report::Fact& fact : facts) {
    if (fact.id == id) return fact.value.value_or(fallback);
  }
  return fallback;
}

}  // namespace heapprof::cli

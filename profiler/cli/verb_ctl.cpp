// `heapprof ctl PID REQUEST`: one request to the runtime in a running program.
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "profiler/capture/control.h"
#include "profiler/cli/output.h"
#include "profiler/cli/process_flags.h"
#include "profiler/cli/verbs.h"
#include "profiler/model/units.h"
#include "profiler/report/cells.h"
#include "profiler/report/text.h"

namespace heapprof::cli {
namespace {

std::string pid, request, argument;
Format format;

// What a request may carry, and what its answer means.
enum class Answer { kNothing, kInterval, kReturned, kStats };
struct Request {
  const char* name;
  const char* argument;  // what it takes; null: nothing
  bool needsArgument;
  Answer answer;
  const char* said;  // the text where the answer is nothing
};
constexpr Request kRequests[] = {
    {"start", "a size such as 512k", false, Answer::kInterval, ""},
    {"stop", nullptr, false, Answer::kNothing, "sampling stopped; what was sampled stays until it is freed"},
    {"interval", "a size such as 512k", true, Answer::kInterval, ""},
    {"reset", nullptr, false, Answer::kNothing, "cumulative figures and peaks forgotten"},
    {"purge", nullptr, false, Answer::kReturned, ""},
    {"stats", nullptr, false, Answer::kStats, ""},
    {"mark", "a name", true, Answer::kNothing, "marked; dumps made from now on show it on their timeline"},
};

const Request* findRequest(const std::string& name) {
  for (const Request& row : kRequests) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

std::vector<std::string> requestNames() {
  std::vector<std::string> names;
  for (const Request& row : kRequests) names.emplace_back(row.name);
  return names;
}

std::string complaintAboutArgument() {
  const Request* row = findRequest(request);
  if (row == nullptr) return "";
  if (row->needsArgument && argument.empty()) return absl::StrCat(row->name, " needs ", row->argument);
  if (row->argument == nullptr && !argument.empty()) return absl::StrCat(row->name, " takes no argument");
  return argument.find('\n') == std::string::npos ? "" : "an argument is one line";
}

// A process number is a name, and no count with its thousands set apart.
std::string statsText(const std::vector<report::Fact>& facts) {
  std::vector<std::vector<std::string>> rows;
  for (const report::Fact& fact : facts) {
    const bool isPid = fact.id == "pid" && fact.value;
    rows.push_back({fact.title, isPid ? report::exactNumber(*fact.value) : report::factText(fact)});
  }
  return report::aligned(rows, {report::Align::kLeft, report::Align::kLeft});
}

report::Document documentOf(const Request& row, std::vector<report::Fact> facts, const std::string& answer) {
  report::Document document;
  document.verb = "ctl";
  document.facts = std::move(facts);
  double number = 0;
  if (!absl::SimpleAtod(answer, &number)) number = 0;
  const std::string bytes = model::bytesText(number);
  switch (row.answer) {
    case Answer::kStats:
      document.text = [listed = document.facts] { return statsText(listed); };
      break;
    case Answer::kNothing:
      document.text = [&row] { return absl::StrCat(row.said, "\n"); };
      break;
    case Answer::kInterval:
      document.facts.push_back(report::numberFact("interval_bytes", "Interval", model::Unit::kBytes, number));
      document.text = [bytes, number] {
        return number == 0 ? std::string("sampling is off\n") : absl::StrCat("a sample every ", bytes, "\n");
      };
      break;
    case Answer::kReturned:
      document.facts.push_back(report::numberFact("returned_bytes", "Returned", model::Unit::kBytes, number));
      document.text = [bytes] { return absl::StrCat(bytes, " given back to the kernel\n"); };
      break;
  }
  return document;
}

}  // namespace

void addCtlFlags(FlagSet& app) {
  addPidFlag(app, &pid);
  app.addOption("REQUEST", request, "start [BYTES], stop, interval BYTES, reset, purge, stats or mark NAME")
      .required()
      .oneOf(requestNames());
  app.addOption("ARGUMENT", argument,
                "the mean interval between samples, e.g. 64k; 1: every allocation; or a mark's name");
  addFormatFlag(app, &format);
}

int runCtl() {
  if (const std::string complaint = complaintAboutArgument(); !complaint.empty())
    return fail(absl::InvalidArgumentError(absl::StrCat("ctl: ", complaint)));
  capture::removeStaleSockets();
  const absl::StatusOr<capture::Control> control = capture::Control::attach(pidOf(pid));
  if (!control.ok()) return fail(control.status());
  const absl::StatusOr<std::string> answer =
      control->ask(argument.empty() ? request : absl::StrCat(request, " ", argument));
  if (!answer.ok()) return fail(answer.status());
  const Request& row = *findRequest(request);
  std::vector<report::Fact> facts;
  if (row.answer == Answer::kStats) {
    absl::StatusOr<std::vector<report::Fact>> read = factsOf(*answer);
    if (!read.ok()) return fail(read.status());
    facts = std::move(*read);
  }
  return write(format, documentOf(row, std::move(facts), *answer));
}

}  // namespace heapprof::cli

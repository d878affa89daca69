#include "profiler/cli/dispatch.h"

#include <algorithm>
#include <cstdio>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

#include "profiler/cli/arguments.h"
#include "profiler/cli/completion.h"
#include "profiler/cli/manual.h"
#include "profiler/cli/output.h"
#include "profiler/cli/verb.h"

namespace heapprof::cli {
namespace {

std::string usage() {
  static constexpr struct {
    Group group;
    const char* title;
  } kGroups[] = {{Group::kRecord, "Record"},
                 {Group::kUnderstand, "Understand one dump"},
                 {Group::kCompare, "Compare dumps"},
                 {Group::kConvert, "Convert"},
                 {Group::kBeside, "Explore and measure"}};
  std::string text =
      "heapprof: where a program's memory went, and who holds it\n\nusage: heapprof VERB [options] ...\n";
  for (const auto& group : kGroups) {
    std::string rows;
    for (const Verb& verb : verbs()) {
      if (verb.group == group.group) absl::StrAppendFormat(&rows, "  %-10s %s\n", verb.name, verb.summary);
    }
    if (!rows.empty()) absl::StrAppend(&text, "\n", group.title, "\n", rows);
  }
  absl::StrAppend(
      &text,
      "\nheapprof VERB --help shows a verb's options and an example; heapprof --version the version.\n");
  return text;
}

int failUsage(const std::string& text) {
  return fail(absl::InvalidArgumentError(text));
}

int runVerb(const Verb& verb, const std::vector<std::string>& arguments) {
  CLI::App app(verb.summary, absl::StrCat("heapprof ", verb.name));
  FlagSet flags(app);  // some verbs look at it when they run
  verb.addFlags(flags);
  const std::string formats = *verb.formats == '\0' ? "" : absl::StrCat("\nFormats: ", verb.formats);
  app.footer(absl::StrCat("Example:\n  ", verb.example, formats, "\nExit codes: ", verb.exitCodes));
  // Read into strings of its own: CLI11 wants the arguments last first.
  std::vector<std::string> reversed = normalizedArguments(arguments, app);
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return kClean;
  } catch (const CLI::ParseError& error) {
    std::string reason = absl::StrReplaceAll(absl::StripAsciiWhitespace(error.what()), {{"\n", " "}});
    return failUsage(absl::StrCat(verb.name, ": ", reason, "; for example: ", verb.example, " (heapprof ",
                                  verb.name, " --help shows its options)"));
  }
  return verb.run();
}

// `help`, `help VERB`, and what is made from the table of verbs: `help --man FOLDER`, `help --completion
// SHELL`.
int help(const std::vector<std::string>& arguments) {
  if (arguments.size() == 2 && arguments[0] == "--man") {
    const absl::Status written = writeManPages(arguments[1]);
    return written.ok() ? kClean : fail(written);
  }
  if (arguments.size() == 2 && arguments[0] == "--completion") {
    const absl::StatusOr<std::string> text = completion(arguments[1]);
    return text.ok() ? writeText("", *text) : fail(text.status());
  }
  for (const Verb& verb : verbs()) {
    if (arguments.size() == 1 && arguments[0] == verb.name) return runVerb(verb, {"--help"});
  }
  if (!arguments.empty()) {
    return failUsage(
        "help takes a verb, --man FOLDER or --completion bash, zsh or fish; heapprof help lists verbs");
  }
  std::fputs(usage().c_str(), stdout);
  return kClean;
}

}  // namespace

int dispatch(const std::vector<std::string>& arguments) {
  const std::string name = arguments.empty() ? "--help" : arguments.front();
  if (name == "help") return help({arguments.begin() + 1, arguments.end()});
  if (name == "--help" || name == "-h" || name == "-help") return help({});
  if (name == "--version" || name == "-version") {
    std::puts("heapprof " HEAPPROF_VERSION);
    return kClean;
  }
  std::vector<std::string> known;
  for (const Verb& verb : verbs()) {
    if (name == verb.name) return runVerb(verb, {arguments.begin() + 1, arguments.end()});
    known.emplace_back(verb.name);
  }
  const std::string meant = nearest(name, known);
  return failUsage(absl::StrCat(
      "there is no verb \"", name, "\"",
      meant.empty() ? "; heapprof --help lists them" : absl::StrCat("; did you mean ", meant, "?")));
}

}  // namespace heapprof::cli

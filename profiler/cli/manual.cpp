#include "profiler/cli/manual.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

#include "profiler/cli/verb_options.h"

namespace heapprof::cli {
namespace {

// A backslash is roff's own; a dash has to stay one that can be copied; a line may not start with a request.
std::string roff(absl::string_view text) {
  std::string out = absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}, {"\n", " "}});
  if (!out.empty() && (out[0] == '.' || out[0] == '\'')) out.insert(0, "\\&");
  return out;
}

std::string head(absl::string_view name, absl::string_view summary) {
  return absl::StrCat(".TH ", absl::AsciiStrToUpper(name), " 1 \"\" \"heapprof " HEAPPROF_VERSION "\" ",
                      "\"heapprof manual\"\n.SH NAME\n", roff(name), " \\- ", roff(summary), "\n");
}

std::string optionText(const OptionFacts& option) {
  std::string names = option.positional.empty() ? absl::StrJoin(option.names, ", ") : option.positional;
  std::string text = absl::StrCat(".TP\n\\fB", roff(names), "\\fR");
  if (option.positional.empty() && option.takesValue) {
    const std::string value = option.choices.empty() ? "value" : absl::StrJoin(option.choices, "|");
    absl::StrAppend(&text, " \\fI", roff(value), "\\fR");
  }
  absl::StrAppend(&text, "\n", roff(option.help));
  if (option.takesValue && !option.fallback.empty()) {
    absl::StrAppend(&text, " (default: ", roff(option.fallback), ")");
  }
  return absl::StrCat(text, "\n");
}

std::string optionSections(const std::vector<OptionFacts>& options) {
  std::vector<std::string> groups{""};
  for (const OptionFacts& option : options) {
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) groups.push_back(option.group);
  }
  std::string text = ".SH OPTIONS\nA long name may also be written with one dash, as in pprof.\n";
  for (const std::string& group : groups) {
    if (!group.empty()) absl::StrAppend(&text, ".SS ", roff(group), "\n");
    for (const OptionFacts& option : options) {
      if (option.group == group) absl::StrAppend(&text, optionText(option));
    }
  }
  return text;
}

std::string synopsis(const Verb& verb, const std::vector<OptionFacts>& options) {
  std::string text = absl::StrCat(".SH SYNOPSIS\n.B heapprof ", roff(verb.name), "\n[\\fIoptions\\fR]");
  for (const OptionFacts& option : options) {
    const std::string more = option.repeats ? "..." : "";
    if (!option.positional.empty()) {
      absl::StrAppend(&text, " \\fI", roff(option.positional), "\\fR", more);
    } else if (option.required) {
      absl::StrAppend(&text, " \\fB", roff(option.names.back()), "\\fR \\fIvalue\\fR", more);
    }
  }
  if (absl::StrContains(verb.example, " -- ")) absl::StrAppend(&text, " \\-\\- \\fICMD\\fR");
  return absl::StrCat(text, "\n");
}

absl::Status writeFile(const std::filesystem::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (out) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(path.string(), ": cannot be written; choose another folder"));
}

}  // namespace

std::string manPage() {
  std::string text = absl::StrCat(
      head("heapprof", "where a program's memory went, and who holds it"),
      ".SH SYNOPSIS\n.B heapprof\n\\fIverb\\fR [\\fIoptions\\fR] ...\n.SH DESCRIPTION\nRecords the heap of a "
      "program that runs on libheapprof.so, and explains what it recorded. Profiles of Go, jemalloc and "
      "gperftools are read, too. Data go to standard output, everything else to standard error.\n"
      ".SH VERBS\n");
  std::string pages;
  for (const Verb& verb : verbs()) {
    absl::StrAppend(&text, ".TP\n.B ", roff(verb.name), "\n", roff(verb.summary), "\n");
    absl::StrAppend(&pages, pages.empty() ? "" : ",\n", ".BR heapprof\\-", verb.name, " (1)");
  }
  return absl::StrCat(text,
                      ".SH EXIT STATUS\n0 done, 1 a gate tripped, 2 usage or input error, 3 inconclusive.\n"
                      ".SH SEE ALSO\n",
                      pages, "\n");
}

std::string manPage(const Verb& verb) {
  const std::vector<OptionFacts> options = optionsOf(verb);
  const std::string formats =
      *verb.formats == '\0'
          ? ""
          : absl::StrCat(".SH FORMATS\n", roff(absl::StrReplaceAll(verb.formats, {{",", ", "}})), "\n");
  return absl::StrCat(head(absl::StrCat("heapprof-", verb.name), verb.summary), synopsis(verb, options),
                      ".SH DESCRIPTION\n", roff(verb.summary), ".\n", optionSections(options), formats,
                      ".SH EXIT STATUS\n", roff(verb.exitCodes), ".\n.SH EXAMPLES\n.nf\n", roff(verb.example),
                      "\n.fi\n.SH SEE ALSO\n.BR heapprof (1)\n");
}

absl::Status writeManPages(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  absl::Status status = writeFile(std::filesystem::path(folder) / "heapprof.1", manPage());
  for (const Verb& verb : verbs()) {
    if (!status.ok()) break;
    status =
        writeFile(std::filesystem::path(folder) / absl::StrCat("heapprof-", verb.name, ".1"), manPage(verb));
  }
  return status;
}

}  // namespace heapprof::cli

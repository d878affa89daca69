#include "profiler/cli/verb_options.h"

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace heapprof::cli {
namespace {

// The parser shows the values of a set as "TEXT:{text,json}".
std::vector<std::string> choicesIn(const std::string& type) {
  const std::size_t open = type.find('{'), close = type.rfind('}');
  if (open == std::string::npos || close == std::string::npos || close < open) return {};
  return absl::StrSplit(type.substr(open + 1, close - open - 1), ',');
}

}  // namespace

std::vector<OptionFacts> optionsOf(const Verb& verb) {
  CLI::App app(verb.summary, verb.name);
  FlagSet flags(app);
  verb.addFlags(flags);
  std::vector<OptionFacts> all;
  for (const CLI::Option* option : app.get_options()) {
    if (option == app.get_help_ptr()) continue;
    OptionFacts facts;
    for (const std::string& name : option->get_snames()) facts.names.push_back(absl::StrCat("-", name));
    for (const std::string& name : option->get_lnames()) facts.names.push_back(absl::StrCat("--", name));
    if (facts.names.empty()) facts.positional = option->get_name(true);
    facts.help = option->get_description();
    if (option->get_group() != "Options") facts.group = option->get_group();
    facts.fallback = option->get_default_str();
    facts.choices = choicesIn(option->get_type_name());
    facts.takesValue = option->get_items_expected_max() > 0;
    facts.required = option->get_required();
    facts.repeats = option->get_items_expected_max() > 1;
    all.push_back(std::move(facts));
  }
  return all;
}

}  // namespace heapprof::cli

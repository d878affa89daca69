#include "profiler/cli/completion.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

#include "profiler/cli/verb_options.h"

namespace heapprof::cli {
namespace {

std::vector<std::string> longNames(const OptionFacts& option) {
  std::vector<std::string> names;
  for (absl::string_view name : option.names) {
    if (absl::ConsumePrefix(&name, "--")) names.emplace_back(name);
  }
  return names;
}

// Between single quotes, for bash and zsh; fish has backslashes there.
std::string shellQuoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}
std::string fishQuoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

// Bash divides words at "=", and a long option may have one dash: both are taken back here.
constexpr char kBash[] = R"(# bash completion for heapprof, made from its table of verbs.
_heapprof() {
  local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} names= values= dashes
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "$_heapprof_verbs --help --version" -- "$cur")
    return
  fi
  if [[ $cur == = ]]; then
    cur=
  elif [[ $previous == = ]]; then
    previous=${COMP_WORDS[COMP_CWORD-2]}
  fi
  previous=${previous#-}
  case $verb:${previous#-} in
@VALUES@  esac
  if [[ $values ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
  elif [[ $cur == -* ]]; then
    case $verb in
@NAMES@    esac
    dashes=-
    [[ $cur == --* || $cur == - ]] && dashes=--
    cur=${cur#-}
    mapfile -t COMPREPLY < <(compgen -P "$dashes" -W "$names help" -- "${cur#-}")
  elif [[ $verb == run || $verb == bench ]]; then
    mapfile -t COMPREPLY < <(compgen -c -- "$cur")
  elif [[ $verb == help ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$_heapprof_verbs" -- "$cur")
  fi
}
complete -o bashdefault -o default -F _heapprof heapprof
)";

std::string bash() {
  std::string all, names, values;
  for (const Verb& verb : verbs()) {
    absl::StrAppend(&all, all.empty() ? "" : " ", verb.name);
    std::string ofVerb;
    for (const OptionFacts& option : optionsOf(verb)) {
      for (const std::string& name : longNames(option)) {
        absl::StrAppend(&ofVerb, ofVerb.empty() ? "" : " ", name);
        if (option.choices.empty()) continue;
        absl::StrAppend(&values, "    ", verb.name, ":", name,
                        ") values=", shellQuoted(absl::StrJoin(option.choices, " ")), " ;;\n");
      }
    }
    absl::StrAppend(&names, "      ", verb.name, ") names=", shellQuoted(ofVerb), " ;;\n");
  }
  return absl::StrCat("_heapprof_verbs=", shellQuoted(all), "\n",
                      absl::StrReplaceAll(kBash, {{"@VALUES@", values}, {"@NAMES@", names}}));
}

// "--format[help]:value:(text json)"; brackets and colons have a meaning there.
std::string zshOption(const OptionFacts& option, const std::string& name) {
  const std::string help =
      absl::StrReplaceAll(option.help, {{"\\", "\\\\"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}});
  std::string text =
      absl::StrCat(option.repeats ? "*" : "", "--", name, option.takesValue ? "=" : "", "[", help, "]");
  if (!option.takesValue) return shellQuoted(text);
  absl::StrAppend(
      &text, ":value:",
      option.choices.empty() ? "_files" : absl::StrCat("(", absl::StrJoin(option.choices, " "), ")"));
  return shellQuoted(text);
}

std::string zsh() {
  std::string list, cases;
  for (const Verb& verb : verbs()) {
    absl::StrAppend(&list, "    ", shellQuoted(absl::StrCat(verb.name, ":", verb.summary)), "\n");
    absl::StrAppend(&cases, "    ", verb.name, ")\n      _arguments \\\n");
    for (const OptionFacts& option : optionsOf(verb)) {
      for (const std::string& name : longNames(option)) {
        absl::StrAppend(&cases, "        ", zshOption(option, name), " \\\n");
      }
    }
    absl::StrAppend(&cases, "        '*:file:_files' ;;\n");
  }
  return absl::StrCat(
      "#compdef heapprof\n# zsh completion for heapprof, made from its table of verbs.\n_heapprof() {\n"
      "  local -a verbs\n  verbs=(\n",
      list,
      "  )\n  if (( CURRENT == 2 )); then\n    _describe verb verbs\n    return\n  fi\n"
      "  shift words\n  (( CURRENT-- ))\n  case $words[1] in\n",
      cases, "  esac\n}\nif [[ $funcstack[1] == _heapprof ]]; then\n  _heapprof \"$@\"\nelse\n",
      "  compdef _heapprof heapprof\nfi\n");
}

std::string fish() {
  std::string out = "# fish completion for heapprof, made from its table of verbs.\n";
  for (const Verb& verb : verbs()) {
    absl::StrAppend(&out, "complete -c heapprof -n __fish_use_subcommand -f -a ", verb.name, " -d ",
                    fishQuoted(verb.summary), "\n");
    for (const OptionFacts& option : optionsOf(verb)) {
      for (const std::string& name : longNames(option)) {
        absl::StrAppend(&out, "complete -c heapprof -n '__fish_seen_subcommand_from ", verb.name, "' -l ",
                        name, " -o ", name);
        if (!option.choices.empty()) {
          absl::StrAppend(&out, " -x -a ", fishQuoted(absl::StrJoin(option.choices, " ")));
        } else if (option.takesValue) {
          absl::StrAppend(&out, " -r");
        }
        absl::StrAppend(&out, " -d ", fishQuoted(option.help), "\n");
      }
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<std::string> completion(absl::string_view shell) {
  if (shell == "bash") return bash();
  if (shell == "zsh") return zsh();
  if (shell == "fish") return fish();
  return absl::InvalidArgumentError(
      absl::StrCat("there is no completion for ", shell, "; there is for bash, zsh and fish"));
}

}  // namespace heapprof::cli

#include "profiler/cli/arguments.h"

#include <algorithm>
#include <numeric>

#include "CLI/CLI.hpp"

namespace heapprof::cli {

std::vector<std::string> normalizedArguments(std::vector<std::string> arguments, const CLI::App& app) {
  if (app.get_prefix_command()) return arguments;  // another program's arguments follow
  for (std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument.size() < 3 || argument[0] != '-' || argument[1] == '-') continue;
    const std::string name = argument.substr(1, argument.find('=') - 1);
    if (name.size() < 2) continue;
    const auto options = app.get_options();
    const bool known = std::any_of(options.begin(), options.end(),
                                   [&name](const CLI::Option* option) { return option->check_lname(name); });
    if (known) argument.insert(0, "-");
  }
  return arguments;
}

std::string nearest(const std::string& typed, const std::vector<std::string>& known) {
  std::string best;
  std::size_t least = std::max<std::size_t>(2, typed.size() / 3) + 1;
  for (const std::string& name : known) {
    std::vector<std::size_t> row(name.size() + 1);  // edit distance, one row at a time
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= typed.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= name.size(); ++j) {
        const std::size_t changed = diagonal + (typed[i - 1] != name[j - 1]);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
      }
    }
    if (row.back() < least) {
      least = row.back();
      best = name;
    }
  }
  return best;
}

}  // namespace heapprof::cli

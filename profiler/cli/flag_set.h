// A verb's flags: what CLI11 does for us, behind one door.
//
// Why: CLI11's headers are whole libraries (10 s of compiling in each file that includes them), so
// flag_set.cpp and the dispatcher are the only ones that do. Invariant: no logic of its own; a value has the
// type that the verb gives it, and is written while the arguments are parsed, which may end in an error that
// names the flag.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace heapprof::cli {

// One declared flag, to say more of it.
class Flag {
 public:
  explicit Flag(CLI::Option* option) : option_(option) {}
  Flag required();
  Flag showDefault();
  Flag group(const std::string& title);
  Flag onceEach();  // of a list: each value has the flag's name before it
  Flag oneOf(const std::vector<std::string>& values);
  Flag within(double low, double high);
  // `complaint` gives "" for a good value; `type` stands for the value in help.
  Flag satisfies(std::function<std::string(const std::string&)> complaint, const std::string& type);
  bool isGiven() const;

 private:
  CLI::Option* option_;
};

class FlagSet {
 public:
  explicit FlagSet(CLI::App& app) : app_(app) {}
  // Of std::string, a list of them, double, int, long, std::size_t; others do not link.
  template <typename T>
  Flag addOption(const std::string& names, T& value, const std::string& help);
  Flag addFlag(const std::string& names, bool& value, const std::string& help);
  // Another program's arguments follow the first that is no flag of ours: remaining(), after parsing.
  void takesCommand();
  std::vector<std::string> remaining() const;
  // After parsing: a complaint about `flag`, or "".
  void finally(const std::string& flag, std::function<std::string()> complaint);

 private:
  CLI::App& app_;
};

}  // namespace heapprof::cli

#include "profiler/cli/flag_set.h"

#include <utility>

#include "CLI/CLI.hpp"

namespace heapprof::cli {

Flag Flag::required() {
  option_->required();
  return *this;
}

Flag Flag::showDefault() {
  option_->capture_default_str();
  return *this;
}

Flag Flag::group(const std::string& title) {
  option_->group(title);
  return *this;
}

Flag Flag::onceEach() {
  option_->allow_extra_args(false);
  return *this;
}

Flag Flag::oneOf(const std::vector<std::string>& values) {
  option_->check(CLI::IsMember(values));
  return *this;
}

Flag Flag::within(double low, double high) {
  option_->check(CLI::Range(low, high));
  return *this;
}

Flag Flag::satisfies(std::function<std::string(const std::string&)> complaint, const std::string& type) {
  option_->check(CLI::Validator(
      [complaint = std::move(complaint)](const std::string& value) { return complaint(value); }, type));
  return *this;
}

bool Flag::isGiven() const {
  return option_->count() > 0;
}

template <typename T>
Flag FlagSet::addOption(const std::string& names, T& value, const std::string& help) {
  return Flag(app_.add_option(names, value, help));
}
template Flag FlagSet::addOption(const std::string&, std::string&, const std::string&);
template Flag FlagSet::addOption(const std::string&, std::vector<std::string>&, const std::string&);
template Flag FlagSet::addOption(const std::string&, double&, const std::string&);
template Flag FlagSet::addOption(const std::string&, int&, const std::string&);
template Flag FlagSet::addOption(const std::string&, long&, const std::string&);
template Flag FlagSet::addOption(const std::string&, std::size_t&, const std::string&);

Flag FlagSet::addFlag(const std::string& names, bool& value, const std::string& help) {
  return Flag(app_.add_flag(names, value, help));
}

void FlagSet::takesCommand() {
  app_.prefix_command();
}

std::vector<std::string> FlagSet::remaining() const {
  return app_.remaining();
}

void FlagSet::finally(const std::string& flag, std::function<std::string()> complaint) {
  app_.final_callback([flag, complaint = std::move(complaint)] {
    const std::string text = complaint();
    if (!text.empty()) throw CLI::ValidationError(flag, text);
  });
}

}  // namespace heapprof::cli

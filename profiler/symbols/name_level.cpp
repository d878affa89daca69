#include "profiler/symbols/name_level.h"

#include <cstdlib>
#include <cxxabi.h>
#include <map>

#include "absl/strings/match.h"

#include "profiler/symbols/readable_name.h"

namespace heapprof::symbols {
namespace {

std::string fullName(absl::string_view readable, absl::string_view linkerName) {
  if (!absl::StartsWith(linkerName, "_Z")) return std::string(readable);
  int status = 0;
  char* text = abi::__cxa_demangle(std::string(linkerName).c_str(), nullptr, nullptr, &status);
  if (status != 0 || text == nullptr) return std::string(readable);
  std::string full(text);
  std::free(text);
  return full;
}

// After withoutTemplates() what is left of them are a Rust name's own, at its beginning, and an operator's
// signs.
bool isBracket(const std::string& name, std::size_t at) {
  return name.rfind("operator", at) == std::string::npos;
}

// "a::b<c::d>::e" is a, b<c::d>, e: what stands in brackets does not divide.
std::string lastTwoParts(const std::string& name) {
  int depth = 0, parts = 0;
  for (std::size_t i = name.size(); i-- > 0;) {
    const char c = name[i];
    if (c == ')' || c == '}' || c == ']' || (c == '>' && isBracket(name, i))) ++depth;
    if (c == '(' || c == '{' || c == '[' || (c == '<' && isBracket(name, i))) --depth;
    if (depth == 0 && c == ':' && i > 0 && name[i - 1] == ':' && ++parts == 2) return name.substr(i + 1);
  }
  return name;
}

}  // namespace

std::string nameAt(NameLevel level, absl::string_view readable, absl::string_view linkerName) {
  switch (level) {
    case NameLevel::kReadable:
      return std::string(readable);
    case NameLevel::kFull:
      return fullName(readable, linkerName);
    case NameLevel::kNoTemplates:
      return withoutTemplates(readable);
    case NameLevel::kShort:
      return lastTwoParts(withoutTemplates(readable));
    case NameLevel::kLinker:
      return std::string(linkerName.empty() ? readable : linkerName);
  }
  return std::string(readable);
}

void rename(formats::ProfileColumns* profile, NameLevel level) {
  if (level == NameLevel::kReadable) return;
  std::map<std::string, formats::StringIndex> added;
  formats::FunctionColumns& functions = profile->functions;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    const std::string& old = profile->strings[functions.name[i]];
    const std::string name = nameAt(level, old, profile->strings[functions.systemName[i]]);
    if (name == old) continue;
    auto [at, isNew] = added.try_emplace(name, static_cast<formats::StringIndex>(profile->strings.size()));
    if (isNew) profile->strings.push_back(name);
    functions.name[i] = at->second;
  }
}

}  // namespace heapprof::symbols

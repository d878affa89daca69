// C++ names as people read them: no parameter lists, no return types, no default template arguments.
// Overloads share a name then, as in pprof; the linker's name stays beside it. Rust's legacy names lose their
// hash.
#include <cctype>
#include <cstdlib>
#include <cxxabi.h>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

#include "profiler/symbols/readable_name.h"
#include "profiler/symbols/symbolizer.h"

namespace heapprof::symbols {
namespace {

std::string itanium(const std::string& mangled) {
  int status = 0;
  char* text = abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status);
  if (status != 0 || text == nullptr) return {};
  std::string result(text);
  std::free(text);
  return result;
}

// "17h" and 16 hex digits close a Rust legacy name.
bool isRustHash(absl::string_view part) {
  if (part.size() != 17 || part[0] != 'h') return false;
  for (const char c : part.substr(1)) {
    if (absl::ascii_isxdigit(static_cast<unsigned char>(c)) == 0) return false;
  }
  return true;
}

std::string rustLegacy(absl::string_view demangled) {
  std::string name = absl::StrReplaceAll(demangled.substr(0, demangled.rfind("::")), {{"$LT$", "<"},
                                                                                      {"$GT$", ">"},
                                                                                      {"$RF$", "&"},
                                                                                      {"$BP$", "*"},
                                                                                      {"$C$", ","},
                                                                                      {"$SP$", "@"},
                                                                                      {"$LP$", "("},
                                                                                      {"$RP$", ")"},
                                                                                      {"$u20$", " "},
                                                                                      {"$u22$", "\""},
                                                                                      {"$u27$", "'"},
                                                                                      {"$u2b$", "+"},
                                                                                      {"$u3b$", ";"},
                                                                                      {"$u5b$", "["},
                                                                                      {"$u5d$", "]"},
                                                                                      {"$u7b$", "{"},
                                                                                      {"$u7d$", "}"},
                                                                                      {"$u7e$", "~"},
                                                                                      {"..", "::"}});
  return absl::StrReplaceAll(name, {{"::_<", "::<"}, {"_<", "<"}});
}

constexpr absl::string_view kAnonymous = "(anonymous namespace)";

bool isOperatorBefore(absl::string_view text, std::size_t position) {
  constexpr absl::string_view kOperator = "operator";
  if (position < kOperator.size() ||
      text.substr(position - kOperator.size(), kOperator.size()) != kOperator) {
    return false;
  }
  const std::size_t before = position - kOperator.size();
  if (before == 0) return true;
  const auto c = static_cast<unsigned char>(text[before - 1]);
  return absl::ascii_isalnum(c) == 0 && c != '_';
}

// Length of "operator<...>'s own signs, where text[position] begins one; 0 elsewhere. Their brackets are no
// brackets.
std::size_t operatorSigns(absl::string_view text, std::size_t position) {
  if (!isOperatorBefore(text, position)) return 0;
  for (const absl::string_view signs :
       {"<=>", "<<=", ">>=", "->*", "<<", ">>", "<=", ">=", "->", "()", "<", ">"}) {
    if (absl::StartsWith(text.substr(position), signs)) return signs.size();
  }
  return 0;
}

// Where the closing bracket of the one at `open` is; npos when it never closes.
std::size_t matching(absl::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size();) {
    if (const std::size_t signs = operatorSigns(text, i); signs != 0) {
      i += signs;
      continue;
    }
    const char c = text[i];
    if (c == '(' || c == '<' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == '>' || c == ']' || c == '}') {
      if (--depth == 0) return i;
    }
    ++i;
  }
  return absl::string_view::npos;
}

// Drops the return type, the parameter list and what follows it; keeps parameters of enclosing functions out
// of the name too ("f(int)::{lambda()#1}::operator()" is "f::{lambda()#1}::operator()").
std::string withoutParameters(absl::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size();) {
    if (const std::size_t signs = operatorSigns(text, i); signs != 0) {
      name.append(text.data() + i, signs);
      i += signs;
      continue;
    }
    const char c = text[i];
    if (absl::StartsWith(text.substr(i), kAnonymous)) {
      name.append(kAnonymous.data(), kAnonymous.size());
      i += kAnonymous.size();
    } else if (c == '<' || c == '{' || c == '[') {
      const std::size_t close = matching(text, i);
      if (close == absl::string_view::npos) return std::string(text);
      name.append(text.data() + i, close + 1 - i);
      i = close + 1;
    } else if (c == '(') {
      const std::size_t close = matching(text, i);
      if (close == absl::string_view::npos) return std::string(text);
      // A function's type as return type, "void (*f(int))(char)": rare, and left as it is.
      if (i + 1 < text.size() && (text[i + 1] == '*' || text[i + 1] == '&')) return std::string(text);
      i = close + 1;
      if (!absl::StartsWith(text.substr(i), "::") && !absl::StartsWith(text.substr(i), " const::") &&
          !absl::StartsWith(text.substr(i), "[abi:")) {
        break;
      }
      if (absl::StartsWith(text.substr(i), " const::")) i += 6;
    } else if (c == ' ' && !isOperatorBefore(text, i) && !absl::EndsWith(name, "operator new") &&
               !absl::EndsWith(name, "operator delete")) {
      name.clear();  // what stood before was a return type
      ++i;
    } else if (c == ' ' && isOperatorBefore(text, i)) {
      // A conversion operator: its type, spaces and all, up to the parameters.
      const std::size_t end = text.find('(', i);
      const std::size_t stop = end == absl::string_view::npos ? text.size() : end;
      name.append(text.data() + i, stop - i);
      i = stop;
    } else {
      name.push_back(c);
      ++i;
    }
  }
  return name;
}

// Arguments that a template has by default, where they stand last in a list: ", std::allocator<int>".
constexpr absl::string_view kDefaults[] = {", std::allocator<",      ", std::char_traits<",
                                           ", std::default_delete<", ", std::less<",
                                           ", std::equal_to<",       ", std::hash<"};

std::string withoutDefaults(std::string name) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const absl::string_view start : kDefaults) {
      for (std::size_t at = name.find(start.data()); at != std::string::npos;
           at = name.find(start.data(), at + 1)) {
        const std::size_t close = matching(name, at + start.size() - 1);
        if (close == absl::string_view::npos || close + 1 >= name.size() || name[close + 1] != '>') continue;
        name.erase(at, close + 1 - at);
        changed = true;
      }
    }
  }
  return name;
}

}  // namespace

std::string readableName(absl::string_view full) {
  std::string name = absl::StrReplaceAll(
      full, {{"std::__cxx11::", "std::"}, {"[abi:cxx11]", ""}, {" >", ">"}, {"(void)", "()"}});
  return withoutDefaults(withoutParameters(name));
}

std::string withoutTemplates(absl::string_view readable) {
  std::string name;
  for (std::size_t i = 0; i < readable.size();) {
    if (const std::size_t signs = operatorSigns(readable, i); signs != 0) {
      name.append(readable.data() + i, signs);
      i += signs;
    } else if (readable[i] == '<' && i > 0) {
      const std::size_t close = matching(readable, i);
      if (close == absl::string_view::npos) return std::string(readable);
      i = close + 1;
    } else if (readable[i] == '<') {
      const std::size_t close = matching(readable, i);
      if (close == absl::string_view::npos) return std::string(readable);
      name.append(readable.data(), close + 1);
      i = close + 1;
    } else {
      name.push_back(readable[i++]);
    }
  }
  return name;
}

std::string demangle(absl::string_view mangled) {
  std::string name(mangled);
  if (!absl::StartsWith(mangled, "_Z")) return name;
  // ".cold", ".part.0" and the like are pieces of the function for a reader.
  if (const auto suffix = mangled.find('.');
      suffix != absl::string_view::npos && mangled.find("..") == absl::string_view::npos) {
    name.resize(suffix);
  }
  const std::string full = itanium(name);
  if (full.empty()) return std::string(mangled);
  const auto lastPart = full.rfind("::");
  if (lastPart != std::string::npos && isRustHash(absl::string_view(full).substr(lastPart + 2))) {
    return rustLegacy(full);
  }
  return readableName(full);
}

}  // namespace heapprof::symbols

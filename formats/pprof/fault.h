// How an error about a file reads: one line, "FILE: offset N: what; what to do". Everything in this folder
// makes its messages here, so that they stay alike. Stateless.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace heapprof::formats {

inline constexpr char kTakeAgain[] = "the file is damaged or no pprof profile: take the dump again";
inline constexpr char kCutShort[] = "the file was cut short: copy it again, or take the dump again";

inline std::string faultLine(const std::string& name, std::uint64_t offset, absl::string_view what,
                             absl::string_view todo) {
  return absl::StrCat(name, ": offset ", offset, ": ", what, "; ", todo);
}

inline std::string compressedFaultLine(const std::string& name, std::uint64_t offset, absl::string_view what,
                                       absl::string_view todo) {
  return absl::StrCat(name, ": compressed offset ", offset, ": ", what, "; ", todo);
}

}  // namespace heapprof::formats

// File names of dumps, from the path= template: %e program, %h host, %p pid, %t seconds since the epoch, %n
// number,
// %% a percent sign.
//
// Invariant: names for rising numbers differ: a template without %n gets the number before ".pb.gz" from the
// second on. A name that does not fit gives false.
#pragma once

#include <cstdint>

#include "runtime/introspect/text.h"

namespace heapprof::introspect {

struct NameParts {
  const char* program;
  const char* host;
  std::uint64_t pid;
  std::uint64_t seconds;
};

// The host's and program's names of this process; buffers of 256 bytes.
NameParts namePartsOfThisProcess(char* program, char* host) noexcept;

bool expandName(const char* pattern, const NameParts& parts, std::uint64_t number, Text* out) noexcept;

}  // namespace heapprof::introspect

// One function's frame at an address, before it is interned into a profile. Plain data.
#pragma once

#include <cstdint>
#include <string>

namespace heapprof::symbols {

// The name of code that has no file and that nothing names.
inline constexpr char kUnnamedCode[] = "[anonymous code: JIT or generated]";

struct Frame {
  std::string name;        // as people read it
  std::string systemName;  // as the linker knows it; equal to `name` where nothing was mangled
  std::string file;        // of the line, absolute where the compiler said so
  std::int64_t line = 0;   // 0: unknown
  std::int64_t column = 0;
  std::int64_t startLine = 0;  // of the function's declaration
};

}  // namespace heapprof::symbols

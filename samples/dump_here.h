// Asks the runtime for a dump where the program is now; does nothing in a program that runs without it.
#pragma once

#include <heapprof/heapprof.h>

extern "C" int heapprof_dump(const char* path) __attribute__((weak));

inline void dumpHere() {
  if (heapprof_dump != nullptr) heapprof_dump(nullptr);
}

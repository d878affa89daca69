// Why a program that ran left no dump, as far as its end tells. Pure.
#pragma once

#include <string>
#include <vector>

#include "profiler/capture/launch.h"
#include "profiler/capture/target.h"

namespace heapprof::capture {

struct Absence {
  bool dumpsAtExit = true;  // exit was among the triggers
  bool dumpsAtTermination = true;
  std::string only;         // what HEAPPROF's only= said; "": all programs
  std::string sample;       // the interval as given
  bool othersGoOn = false;  // processes of it still run: their dumps are to come
};

// One line each, most likely first; never empty.
std::vector<std::string> whyNoDump(const Target& target, const Ended& ended, const Absence& asked);

}  // namespace heapprof::capture

// A verb of the command line is one row: help, completion and the dispatcher are made from the table
// (verbs.cpp), and a new verb touches one row and one file.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"

#include "profiler/cli/flag_set.h"

namespace heapprof::cli {

// Exit codes of every verb.
enum ExitCode : int { kClean = 0, kGateTripped = 1, kUsageOrInputError = 2, kInconclusive = 3 };

enum class Group { kRecord, kUnderstand, kCompare, kConvert, kBeside };

struct Verb {
  const char* name;
  Group group;
  const char* summary;             // one line, for the list of verbs
  const char* example;             // one command that works
  const char* formats;             // "text,json,csv"; "": it writes none
  const char* exitCodes;           // "0 clean, 2 input error"
  void (*addFlags)(FlagSet& app);  // the verb keeps its flags in its own file
  int (*run)();                    // after parsing; data on stdout, notes and errors on stderr
};

absl::Span<const Verb> verbs();

}  // namespace heapprof::cli

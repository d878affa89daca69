// The table of verbs: a row is all that help, dispatch and completion know of one.
#include "profiler/cli/verbs.h"

namespace heapprof::cli {

absl::Span<const Verb> verbs() {
  static constexpr const char* kUsual = "0 done, 2 usage or input error";
  static const Verb kVerbs[] = {
      {"run", Group::kRecord, "start a program under the runtime and record its heap",
       "heapprof run --sample 64k -- ./service --port 8080", "text",
       "the program's own; 2 not started, 126 and 127 as in a shell", addRunFlags, runRun},
      {"summary", Group::kUnderstand, "where RSS went, and what to look at first",
       "heapprof summary service.1.pb.gz", "text,json", kUsual, addSummaryFlags, runSummary},
      {"info", Group::kUnderstand, "what a dump holds, how it was taken, what it could not know",
       "heapprof info service.1.pb.gz", "text,json", kUsual, addInfoFlags, runInfo},
      {"top", Group::kUnderstand, "functions by what they hold: pprof's top",
       "heapprof top -cum -focus=Cache service.1.pb.gz", "text,json", kUsual, addTopFlags, runTop},
      {"frag", Group::kUnderstand, "memory that holds no data, and who pins it",
       "heapprof frag --pages service.1.pb.gz", "text,json", kUsual, addFragFlags, runFrag},
      {"diff", Group::kCompare, "what grew between two dumps, by stack, with errors",
       "heapprof diff service.1.pb.gz service.2.pb.gz", "text,json", kUsual, addDiffFlags, runDiff},
      {"symbolize", Group::kConvert, "put names into a dump so that it can travel",
       "heapprof symbolize service.1.pb.gz -o named.pb.gz", "text", kUsual, addSymbolizeFlags, runSymbolize},
  };
  return kVerbs;
}

}  // namespace heapprof::cli

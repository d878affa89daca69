// The table of verbs: a row is all that help, dispatch and completion know of one.
#include "profiler/cli/verbs.h"

namespace heapprof::cli {

absl::Span<const Verb> verbs() {
  static constexpr const char* kUsual = "0 done, 2 usage or input error";
  static constexpr const char* kAll = "text,json,csv,tsv,md,html";
  static const Verb kVerbs[] = {
      {"run", Group::kRecord, "start a program under the runtime and record its heap",
       "heapprof run --sample 64k -- ./service --port 8080", "text",
       "the program's own; 2 not started, 126 and 127 as in a shell", addRunFlags, runRun},
      {"dump", Group::kRecord, "a dump of a running program, now", "heapprof dump 4321 -o service.now.pb.gz",
       "text", kUsual, addDumpFlags, runDump},
      {"ctl", Group::kRecord, "start or stop sampling, purge, show figures of a running program",
       "heapprof ctl 4321 start 64k", kAll, kUsual, addCtlFlags, runCtl},
      {"watch", Group::kRecord, "a running program live: RSS, what grows, what is given back",
       "heapprof watch 4321 --interval 5", kAll, kUsual, addWatchFlags, runWatch},
      {"summary", Group::kUnderstand, "where RSS went, and what to look at first",
       "heapprof summary service.1.pb.gz", kAll, kUsual, addSummaryFlags, runSummary},
      {"info", Group::kUnderstand, "what a dump holds, how it was taken, what it could not know",
       "heapprof info service.1.pb.gz", kAll, kUsual, addInfoFlags, runInfo},
      {"top", Group::kUnderstand, "functions by what they hold: pprof's top",
       "heapprof top -cum -focus=Cache service.1.pb.gz", kAll, kUsual, addTopFlags, runTop},
      {"tree", Group::kUnderstand, "functions with their callers and callees: pprof's tree",
       "heapprof tree -focus=Cache service.1.pb.gz", kAll, kUsual, addTreeFlags, runTree},
      {"peek", Group::kUnderstand, "callers and callees of functions that match: pprof's peek",
       "heapprof peek Cache::insert service.1.pb.gz", kAll, kUsual, addPeekFlags, runPeek},
      {"list", Group::kUnderstand, "source lines with what they hold: pprof's list",
       "heapprof list Cache::insert service.1.pb.gz", kAll, kUsual, addListFlags, runList},
      {"traces", Group::kUnderstand, "every sample with its labels and its stack: pprof's traces",
       "heapprof traces -tagfocus=bytes=1mb: service.1.pb.gz", kAll, kUsual, addTracesFlags, runTraces},
      {"tags", Group::kUnderstand, "what samples hold by label (size, thread, kind): pprof's tags",
       "heapprof tags service.1.pb.gz", kAll, kUsual, addTagsFlags, runTags},
      {"raw", Group::kUnderstand, "the profile as it is, samples, locations, mappings: pprof's raw",
       "heapprof raw service.1.pb.gz", kAll, kUsual, addRawFlags, runRaw},
      {"frag", Group::kUnderstand, "memory that holds no data, and who pins it",
       "heapprof frag --pages service.1.pb.gz", kAll, kUsual, addFragFlags, runFrag},
      {"map", Group::kUnderstand, "the heap's pages, as a raster: which are full, huge, resident",
       "heapprof map service.1.pb.gz --by kernel", kAll, kUsual, addMapFlags, runMap},
      {"purge", Group::kUnderstand, "what purging gave back, what came back, what blocks the rest",
       "heapprof purge service.1.pb.gz", kAll, kUsual, addPurgeFlags, runPurge},
      {"leaks", Group::kUnderstand, "what grows, what is old and never freed; from one dump or many",
       "heapprof leaks service.1.pb.gz service.2.pb.gz service.3.pb.gz", kAll,
       "0 done, 1 suspects and --fail, 2 usage or input error", addLeaksFlags, runLeaks},
      {"sizes", Group::kUnderstand, "how requests fit the size classes, and which would fit better",
       "heapprof sizes service.1.pb.gz", kAll, kUsual, addSizesFlags, runSizes},
      {"cost", Group::kUnderstand, "memory as money, from a price that you state",
       "heapprof cost service.1.pb.gz --price 4.2/GiB-month --replicas 40", kAll, kUsual, addCostFlags,
       runCost},
      {"diff", Group::kCompare, "what grew between two dumps, by stack, with errors",
       "heapprof diff service.1.pb.gz service.2.pb.gz", kAll, kUsual, addDiffFlags, runDiff},
      {"trend", Group::kCompare, "many dumps as a trend: slopes with their errors, new and gone",
       "heapprof trend service.1.pb.gz service.2.pb.gz service.3.pb.gz", kAll, kUsual, addTrendFlags,
       runTrend},
      {"check", Group::kCompare, "a gate for CI: fails on growth that sampling does not explain",
       "heapprof check new.pb.gz --base old.pb.gz --fail-on inuse_space:+5%,+1MiB", kAll,
       "0 ok, 1 tripped, 2 usage or input error, 3 within sampling error", addCheckFlags, runCheck},
      {"flame", Group::kConvert, "a flame graph in a file of its own; with a base, the difference",
       "heapprof flame service.2.pb.gz --base service.1.pb.gz -o grown.html", "svg,html", kUsual,
       addFlameFlags, runFlame},
      {"convert", Group::kConvert, "for other tools: pprof, flame graphs, KCachegrind, Graphviz",
       "heapprof convert service.1.pb.gz --to collapsed", "pprof,collapsed,callgrind,dot,csv,json", kUsual,
       addConvertFlags, runConvert},
      {"merge", Group::kConvert, "many dumps as one: a fleet's, of one service",
       "heapprof merge host1.pb.gz host2.pb.gz -o fleet.pb.gz", "text", kUsual, addMergeFlags, runMerge},
      {"symbolize", Group::kConvert, "put names into a dump so that it can travel",
       "heapprof symbolize service.1.pb.gz -o named.pb.gz", "text", kUsual, addSymbolizeFlags, runSymbolize},
  };
  return kVerbs;
}

}  // namespace heapprof::cli

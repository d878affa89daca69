// The two functions of every verb; each pair is in verb_NAME.cpp, and has its row in verbs.cpp.
#pragma once

#include "profiler/cli/verb.h"

namespace heapprof::cli {

void addRunFlags(FlagSet& app);
int runRun();
void addDumpFlags(FlagSet& app);
int runDump();
void addCtlFlags(FlagSet& app);
int runCtl();
void addWatchFlags(FlagSet& app);
int runWatch();
void addInfoFlags(FlagSet& app);
int runInfo();
void addSummaryFlags(FlagSet& app);
int runSummary();
void addFragFlags(FlagSet& app);
int runFrag();
void addLeaksFlags(FlagSet& app);
int runLeaks();
void addMapFlags(FlagSet& app);
int runMap();
void addPurgeFlags(FlagSet& app);
int runPurge();
void addTimelineFlags(FlagSet& app);
int runTimeline();
void addSizesFlags(FlagSet& app);
int runSizes();
void addCostFlags(FlagSet& app);
int runCost();
void addTopFlags(FlagSet& app);
int runTop();
void addTreeFlags(FlagSet& app);
int runTree();
void addPeekFlags(FlagSet& app);
int runPeek();
void addListFlags(FlagSet& app);
int runList();
void addTracesFlags(FlagSet& app);
int runTraces();
void addTagsFlags(FlagSet& app);
int runTags();
void addRawFlags(FlagSet& app);
int runRaw();
void addDiffFlags(FlagSet& app);
int runDiff();
void addTrendFlags(FlagSet& app);
int runTrend();
void addCheckFlags(FlagSet& app);
int runCheck();
void addConvertFlags(FlagSet& app);
int runConvert();
void addExportFlags(FlagSet& app);
int runExport();
void addFlameFlags(FlagSet& app);
int runFlame();
void addMergeFlags(FlagSet& app);
int runMerge();
void addSymbolizeFlags(FlagSet& app);
int runSymbolize();
void addBenchFlags(FlagSet& app);
int runBench();
void addGuiFlags(FlagSet& app);
int runGui();

}  // namespace heapprof::cli

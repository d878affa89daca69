// The two functions of every verb; each pair is in verb_NAME.cpp, and has its row in verbs.cpp.
#pragma once

#include "profiler/cli/verb.h"

namespace heapprof::cli {

void addRunFlags(CLI::App& app);
int runRun();
void addInfoFlags(CLI::App& app);
int runInfo();
void addSummaryFlags(CLI::App& app);
int runSummary();
void addFragFlags(CLI::App& app);
int runFrag();
void addLeaksFlags(CLI::App& app);
int runLeaks();
void addMapFlags(CLI::App& app);
int runMap();
void addPurgeFlags(CLI::App& app);
int runPurge();
void addSizesFlags(CLI::App& app);
int runSizes();
void addCostFlags(CLI::App& app);
int runCost();
void addTopFlags(CLI::App& app);
int runTop();
void addTreeFlags(CLI::App& app);
int runTree();
void addPeekFlags(CLI::App& app);
int runPeek();
void addListFlags(CLI::App& app);
int runList();
void addTracesFlags(CLI::App& app);
int runTraces();
void addTagsFlags(CLI::App& app);
int runTags();
void addRawFlags(CLI::App& app);
int runRaw();
void addDiffFlags(CLI::App& app);
int runDiff();
void addTrendFlags(CLI::App& app);
int runTrend();
void addCheckFlags(CLI::App& app);
int runCheck();
void addConvertFlags(CLI::App& app);
int runConvert();
void addFlameFlags(CLI::App& app);
int runFlame();
void addMergeFlags(CLI::App& app);
int runMerge();
void addSymbolizeFlags(CLI::App& app);
int runSymbolize();

}  // namespace heapprof::cli

#include "profiler/capture/outcome.h"

#include <cstring>
#include <fnmatch.h>
#include <signal.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace heapprof::capture {
namespace {

constexpr std::size_t kKernelNameBytes = 15;

// An exec'ed program has another name at its end than the one that was started.
bool becameAnother(const Target& target, const Ended& ended) {
  return !ended.lastName.empty() && ended.lastName != target.name.substr(0, kKernelNameBytes) &&
         ended.lastName != target.path.substr(target.path.rfind('/') + 1).substr(0, kKernelNameBytes);
}

bool isLeftOut(const Target& target, const std::string& only) {
  if (only.empty()) return false;
  const std::string called = target.path.substr(target.path.rfind('/') + 1);
  const std::vector<std::string> patterns = absl::StrSplit(only, '|');
  for (const std::string& pattern : patterns) {
    for (const std::string& name : {target.name, called}) {
      if (fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0) return false;
    }
  }
  return true;
}

std::string bySignal(const Target& target, const Ended& ended, const Absence& asked) {
  const std::string what =
      absl::StrCat(target.name, " was ended by signal ", ended.signal, " (", strsignal(ended.signal),
                   ended.coreDumped ? ", core dumped" : "", ")");
  if (ended.signal == SIGKILL) {
    return absl::StrCat(
        what,
        ", which no program can catch; out of memory? take dumps before, with --dump signal:USR2 and "
        "kill -USR2 ",
        ended.pid);
  }
  if (ended.signal == SIGTERM || ended.signal == SIGINT) {
    return absl::StrCat(what, asked.dumpsAtTermination
                                  ? " before the runtime was ready, or while it was writing"
                                  : "; let --dump hold term, and such an end leaves a dump");
  }
  return absl::StrCat(what, ": a crash leaves no dump; take dumps before it, with --dump signal:USR2");
}

}  // namespace

std::vector<std::string> whyNoDump(const Target& target, const Ended& ended, const Absence& asked) {
  std::vector<std::string> reasons;
  if (becameAnother(target, ended) && !asked.only.empty()) {
    reasons.push_back(absl::StrCat(target.name, " ended as ", ended.lastName,
                                   ": it executed another program, which is not "
                                   "sampled; add --only ",
                                   ended.lastName, ", or --only all"));
  }
  if (!target.startsOthers && isLeftOut(target, asked.only)) {
    reasons.push_back(absl::StrCat("--only ", asked.only, " leaves out ", target.name,
                                   ", which ran without sampling; add ", target.name, " to it"));
    return reasons;
  }
  if (ended.signal != 0) {
    reasons.push_back(bySignal(target, ended, asked));
    return reasons;
  }
  if (!asked.dumpsAtExit) {
    reasons.push_back("--dump holds no exit, and no other trigger came");
    return reasons;
  }
  if (asked.othersGoOn) {
    reasons.push_back(
        absl::StrCat(target.name, " itself has ended without a dump; what goes on dumps when it ends"));
    return reasons;
  }
  if (target.startsOthers) {
    reasons.push_back(absl::StrCat(target.name,
                                   " starts other programs; none of them left a dump: heapprof run on the "
                                   "program itself tells more"));
  }
  // With sampling off a dump at exit needs no samples.
  const std::string unsampled = asked.sample == "0"
                                    ? ""
                                    : absl::StrCat("nothing was sampled (it allocated less than about ",
                                                   asked.sample, "; try --sample 4k), or ");
  reasons.push_back(absl::StrCat(unsampled,
                                 "it left by _exit(), which runs no exit handlers (--dump exit+signal:USR2 "
                                 "and a kill -USR2 help then), or libheapprof could not write, which it said "
                                 "in a line above"));
  return reasons;
}

}  // namespace heapprof::capture

// heapprof: the command line's process.
#include <csignal>

#include "profiler/cli/dispatch.h"

// A closed pipe is an error of write(), not a death. A handler and not SIG_IGN, which the programs that are
// started would inherit: `yes | head` ends by that signal.
static void carryOn(int) {}

int main(int argc, char** argv) {
  if (std::signal(SIGPIPE, carryOn) == SIG_IGN) std::signal(SIGPIPE, SIG_IGN);
  return heapprof::cli::dispatch({argv + 1, argv + argc});
}

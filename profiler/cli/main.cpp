// heapprof: the command line's process.
#include <csignal>

#include "profiler/cli/dispatch.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write(), not a death
  return heapprof::cli::dispatch({argv + 1, argv + argc});
}

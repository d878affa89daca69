// A command line as a person types it, in a folder; what it said and how it ended.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/wait.h>

namespace heapprof::cli {

struct Done {
  int status = -1;
  std::string out, err;
};

inline std::string contentsOf(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Leaves the files `out` and `err` in the folder.
inline Done runIn(const std::string& folder, const std::string& line) {
  const int status = std::system(("cd " + folder + " && " + line + " >out 2>err").c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contentsOf(folder + "/out"),
          contentsOf(folder + "/err")};
}

}  // namespace heapprof::cli

// A command line as a person types it, in a folder; what it said and how it ended.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <gmock/gmock.h>
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

// Wrong input: exit 2, one line on stderr that starts with the program's name, nothing on stdout.
inline void expectRefusal(const Done& done, const std::string& part) {
  EXPECT_EQ(done.status, 2);
  EXPECT_EQ(done.out, "");
  EXPECT_THAT(done.err, testing::StartsWith("heapprof: "));
  EXPECT_THAT(done.err, testing::HasSubstr(part));
  EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
}

}  // namespace heapprof::cli

// A memory cgroup (v1) for one victim alone, so that what it is charged for can be seen and bounded.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/pages/huge_process.h"

namespace heapprof::tests {

// Below that of this process.
class OwnGroup : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
      const std::size_t at = line.find(":memory:");
      if (at != std::string::npos) {
        group_ = "/sys/fs/cgroup/memory" + line.substr(at + 8) + "/heapprof-" + std::to_string(getpid());
      }
    }
    std::error_code error;
    if (group_.empty() || !std::filesystem::create_directory(group_, error))
      GTEST_SKIP() << "no memory cgroup (v1) can be made here";
  }
  void limit(std::size_t bytes) const {
    std::ofstream(group_ + "/memory.limit_in_bytes") << bytes << std::flush;
  }
  int runInGroup(const std::string& what, const std::string& options) const {
    const std::string command =
        "sh -c 'echo $$ > " + group_ + "/tasks; exec " + victimCommand(what, options) + "'";
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void TearDown() override {
    std::error_code error;
    std::filesystem::remove(group_, error);
  }
  std::string group_;
};

}  // namespace heapprof::tests

// The file of the control socket: what is at its name already, and a kernel that refuses.
#include "runtime/entry/control_socket.h"

#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/entry/control_sweep.h"
#include "runtime/os/fake.h"
#include "tests/runtime/introspect/support.h"

namespace heapprof::entry {
namespace {

class ControlSocket : public testing::Test {
 protected:
  void SetUp() override {
    config::Control wanted;
    wanted.on = true;
    name_ = scratch_.path("s");
    ASSERT_LT(name_.size(), sizeof wanted.path);
    name_.copy(wanted.path, name_.size());
    ASSERT_TRUE(chooseControlPlace(wanted));
  }
  void TearDown() override {
    removeControlSocket();
    forgetControlSocket();
  }

  // A socket at the name; `live`: somebody listens.
  int putSocket(bool live) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    name_.copy(address.sun_path, name_.size());
    const int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(other, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(other, 1), 0);
    if (live) return other;
    close(other);
    return -1;
  }

  tests::Scratch scratch_;
  std::string name_;
};

TEST_F(ControlSocket, IsTheOwnersAloneAndGoesAtTheEnd) {
  const int listener = openControlSocket();
  ASSERT_GE(listener, 0);
  struct stat info {};
  ASSERT_EQ(lstat(name_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode, static_cast<mode_t>(S_IFSOCK | 0600));
  EXPECT_EQ(controlSocketPath(), name_);
  removeControlSocket();
  EXPECT_NE(lstat(name_.c_str(), &info), 0);
  close(listener);
}

TEST_F(ControlSocket, AStaleOneIsReplacedALiveOneIsNot) {
  putSocket(false);
  const int listener = openControlSocket();
  EXPECT_GE(listener, 0);
  removeControlSocket();
  forgetControlSocket();
  close(listener);

  const int other = putSocket(true);
  EXPECT_EQ(openControlSocket(), -1);
  EXPECT_EQ(access(name_.c_str(), F_OK), 0);
  close(other);
}

TEST_F(ControlSocket, AForeignFileIsNeitherFollowedNorRemoved) {
  std::ofstream(name_) << "another's";
  EXPECT_EQ(openControlSocket(), -1);
  EXPECT_EQ(tests::readFile(name_), "another's");
  ASSERT_EQ(unlink(name_.c_str()), 0);
  const std::string target = scratch_.path("target");
  ASSERT_EQ(symlink(target.c_str(), name_.c_str()), 0);
  EXPECT_EQ(openControlSocket(), -1);
  EXPECT_NE(access(target.c_str(), F_OK), 0);
  struct stat info {};
  EXPECT_EQ(lstat(name_.c_str(), &info), 0);
}

TEST_F(ControlSocket, WhatTookItsPlaceIsNotRemoved) {
  const int listener = openControlSocket();
  ASSERT_GE(listener, 0);
  ASSERT_EQ(unlink(name_.c_str()), 0);
  std::ofstream(name_) << "another's";
  removeControlSocket();
  EXPECT_EQ(tests::readFile(name_), "another's");
  close(listener);
}

TEST_F(ControlSocket, IsNotMadeAnyMoreOnceTheProcessEnds) {
  removeControlSocket();
  EXPECT_EQ(openControlSocket(), -1);
  EXPECT_NE(access(name_.c_str(), F_OK), 0);
}

TEST_F(ControlSocket, AForkedChildDoesNotRemoveItsParents) {
  const int listener = openControlSocket();
  ASSERT_GE(listener, 0);
  forgetControlSocket();
  removeControlSocket();
  EXPECT_EQ(access(name_.c_str(), F_OK), 0);
  EXPECT_STREQ(controlSocketPath(), "");
  close(listener);
  unlink(name_.c_str());
}

TEST_F(ControlSocket, ARefusingKernelMeansNoSocketAndNothingElse) {
  os::Fake fake;
  fake.failNth(os::CallKind::kListen, 1);
  EXPECT_EQ(openControlSocket(), -1);
  EXPECT_STREQ(controlSocketPath(), "");
  // Whether the one that is there is stale cannot be told, or it cannot be removed.
  putSocket(false);
  for (const os::CallKind kind : {os::CallKind::kConnect, os::CallKind::kUnlink}) {
    fake.failNth(kind, 1);
    EXPECT_EQ(openControlSocket(), -1);
    EXPECT_EQ(access(name_.c_str(), F_OK), 0);
  }
  EXPECT_EQ(fake.failures(), 3u);
}

// A name of our user's with a number that no process has (pid_max is below it).
std::string nameOf(const tests::Scratch& scratch, int number) {
  return scratch.path("heapprof." + std::to_string(geteuid()) + "." + std::to_string(number) + ".sock");
}

TEST(ControlSweep, TakesOnlyDeadSocketsOfProcessesThatAreGone) {
  const tests::Scratch scratch;
  constexpr int kNobody = 5000000;
  const auto put = [](const std::string& name, bool live) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    const int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(other, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(other, 1), 0);
    if (!live) close(other);
    return other;
  };
  put(nameOf(scratch, kNobody), false);
  put(nameOf(scratch, getpid()), false);
  const int live = put(nameOf(scratch, kNobody + 1), true);
  std::ofstream(nameOf(scratch, kNobody + 2)) << "a file";
  put(scratch.path("heapprof.x.sock"), false);
  sweepControlSockets(scratch.path("").c_str());
  EXPECT_EQ(access(nameOf(scratch, kNobody).c_str(), F_OK), 0) << "too young to be told from one being made";
  sleep(3);
  put(nameOf(scratch, kNobody + 3), false);
  sweepControlSockets(scratch.path("").c_str());
  EXPECT_NE(access(nameOf(scratch, kNobody).c_str(), F_OK), 0);
  for (const int number : {static_cast<int>(getpid()), kNobody + 1, kNobody + 2, kNobody + 3})
    EXPECT_EQ(access(nameOf(scratch, number).c_str(), F_OK), 0) << number;
  EXPECT_EQ(access(scratch.path("heapprof.x.sock").c_str(), F_OK), 0);
  close(live);
}

}  // namespace
}  // namespace heapprof::entry

#include "tests/runtime/introspect/victim.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace heapprof::tests {

Victim::Victim(const Scratch& scratch, const std::string& how, const std::string& options,
               const std::string& name, void (*beforeExec)()) {
  int in[2], out[2], err[2];
  EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
  EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
  EXPECT_EQ(pipe2(err, O_CLOEXEC), 0);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    setenv("LD_PRELOAD", VICTIM_LIBRARY, 1);
    const bool hasControl = options.find("control=") != std::string::npos;
    const std::string where =
        options == "0" ? "" : ",path=" + scratch.path(name) + (hasControl ? "" : ",control=0");
    if (!options.empty()) setenv("HEAPPROF", (options + where).c_str(), 1);
    if (beforeExec != nullptr) beforeExec();
    execl(VICTIM_PROGRAM, "victim", how.c_str(), nullptr);
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  in_ = in[1];
  out_ = out[0];
  err_ = err[0];
}

Victim::~Victim() {
  if (!ended_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  closeInput();
  close(out_);
  close(err_);
}

void Victim::waitReady() {
  char line[6];
  EXPECT_EQ(read(out_, line, sizeof line), 6);
  EXPECT_EQ(std::string(line, 6), "ready\n");
}

void Victim::send(const std::string& letters) {
  EXPECT_EQ(write(in_, letters.data(), letters.size()), static_cast<ssize_t>(letters.size()));
}

void Victim::command(char letter) {
  send(std::string(1, letter));
  waitReady();
}

int Victim::end() {
  int status = 0;
  EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
  ended_ = true;
  return status;
}

void Victim::closeInput() {
  if (in_ >= 0) close(in_);
  in_ = -1;
}

std::string Victim::errors() {
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(err_, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

void waitForFiles(const Scratch& scratch, std::size_t count) {
  for (int i = 0; i < 12000; ++i) {  // a minute: other tests may hold the processors
    std::size_t whole = 0;
    for (const std::string& file : scratch.files()) whole += file.find(".tmp") == std::string::npos ? 1 : 0;
    if (whole >= count) return;
    usleep(5000);
  }
  FAIL() << "no dump came";
}

heapprof::DumpReason reasonOf(const Scratch& scratch, const std::string& name) {
  return readDump(scratch.path(name)).heapSnapshot.header().reason();
}

}  // namespace heapprof::tests

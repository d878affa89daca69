// The control socket of a real process, asked as heapprof asks it and as nobody should.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "tests/runtime/introspect/support.h"
#include "tests/runtime/introspect/victim.h"
#include "tests/runtime/victim_tools.h"

namespace heapprof::tests {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

// -1: nobody listens.
int connectTo(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(out, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return out;
  close(out);
  return -1;
}

std::string answerOn(int socket) {
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(socket, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  close(socket);
  return text;
}

void sendAll(int socket, const std::string& text) {
  EXPECT_EQ(send(socket, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

std::string ask(const std::string& path, const std::string& line) {
  const int socket = connectTo(path);
  if (socket < 0) return "(nobody listens)";
  sendAll(socket, line + "\n");
  return answerOn(socket);
}

// With a descriptor along.
std::string askWith(const std::string& path, const std::string& line, int descriptor) {
  const int socket = connectTo(path);
  if (socket < 0) return "(nobody listens)";
  const std::string whole = line + "\n";
  iovec part = {const_cast<char*>(whole.data()), whole.size()};
  alignas(cmsghdr) char extra[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = extra;
  message.msg_controllen = sizeof extra;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  EXPECT_GT(sendmsg(socket, &message, MSG_NOSIGNAL), 0);
  return answerOn(socket);
}

void waitForSocket(const std::string& path) {
  for (int i = 0; i < 6000; ++i) {
    const int socket = connectTo(path);
    if (socket >= 0) {
      close(socket);
      return;
    }
    usleep(5000);
  }
  FAIL() << "no socket came";
}

// A victim that listens at SCRATCH/s.
class Listener {
 public:
  explicit Listener(const std::string& options = "sample=4k,dump=none", void (*beforeExec)() = nullptr)
      : path_(scratch_.path("s")),
        victim_(scratch_, "obeys", options + ",control=" + path_, "d.%n", beforeExec) {
    victim_.waitReady();
  }
  const std::string& path() const { return path_; }
  const Scratch& scratch() const { return scratch_; }
  Victim& victim() { return victim_; }

 private:
  Scratch scratch_;
  std::string path_;
  Victim victim_;
};

TEST(Control, AnswersEachVerb) {
  Listener listener;
  const std::string& path = listener.path();
  waitForSocket(path);
  EXPECT_THAT(ask(path, "version"), StartsWith("ok 1 "));
  EXPECT_THAT(ask(path, "stats"),
              testing::AllOf(StartsWith("ok {\"version\":"), HasSubstr("\"interval_bytes\":4096")));
  EXPECT_EQ(ask(path, "interval 1m"), "ok 1048576\n");
  EXPECT_EQ(ask(path, "stop"), "ok\n");
  EXPECT_THAT(ask(path, "stats"), HasSubstr("\"interval_bytes\":0"));
  EXPECT_EQ(ask(path, "start"), "ok 4096\n");
  EXPECT_EQ(ask(path, "start 64k"), "ok 65536\n");
  EXPECT_EQ(ask(path, "reset"), "ok\n");
  EXPECT_EQ(ask(path, "mark a new phase"), "ok\n");
  EXPECT_THAT(ask(path, "mark"), StartsWith("error a mark has a name"));
  listener.victim().command('a');
  listener.victim().command('f');
  EXPECT_THAT(ask(path, "purge"), MatchesRegex("ok [0-9]{7,}\n"));
  EXPECT_THAT(ask(path, "interval 3t"), StartsWith("error the interval"));
  EXPECT_THAT(ask(path, "interval"), StartsWith("error not a size"));
  EXPECT_THAT(ask(path, "start lots"), HasSubstr("lots"));
  EXPECT_THAT(ask(path, "STATS"), StartsWith("error no such verb"));
}

TEST(Control, StartsSamplingWhereItWasOff) {
  Listener listener("sample=0,dump=none");
  waitForSocket(listener.path());
  EXPECT_EQ(ask(listener.path(), "start 16k"), "ok 16384\n");
  listener.victim().command('a');
  EXPECT_EQ(ask(listener.path(), "dump"), "ok\n");
  EXPECT_GT(readDump(listener.scratch().path("d.1")).samples.size(), 0u);
}

TEST(Control, DumpsIntoADescriptorAPathOrTheTemplate) {
  Listener listener;
  const Scratch& scratch = listener.scratch();
  waitForSocket(listener.path());
  const int file = open(scratch.path("mine").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  EXPECT_EQ(askWith(listener.path(), "dump", file), "ok\n");
  close(file);
  EXPECT_EQ(ask(listener.path(), "dump"), "ok\n");
  EXPECT_EQ(ask(listener.path(), "dump " + scratch.path("named")), "ok\n");
  for (const char* name : {"mine", "d.2", "named"})
    EXPECT_EQ(reasonOf(scratch, name), heapprof::CONTROL) << name;
  EXPECT_THAT(ask(listener.path(), "dump " + scratch.path("named")), HasSubstr("never replaced"));
  EXPECT_THAT(ask(listener.path(), "dump relative"), HasSubstr("absolute"));
  EXPECT_THAT(ask(listener.path(), "dump /no/such/folder/x"), HasSubstr("no such file"));
  // A pipe that nobody reads would hold up every other dump.
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  EXPECT_THAT(askWith(listener.path(), "dump", ends[1]), HasSubstr("not a regular file"));
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  EXPECT_THAT(askWith(listener.path(), "dump", full), HasSubstr("not a regular file"));
  for (const int descriptor : {ends[0], ends[1], full}) close(descriptor);
}

TEST(Control, HostileClientsHoldUpNobody) {
  Listener listener;
  waitForSocket(listener.path());
  std::vector<int> others;
  for (int i = 0; i < 1000; ++i) {
    const int socket = connectTo(listener.path());
    if (socket < 0) continue;
    const char* garbage[] = {"", "sta", "\1\2\3\n", "dump /dev/null\n", "version\nversion\nversion\n"};
    const char* text = garbage[i % 5];
    send(socket, text, std::strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
    others.push_back(socket);
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(ask(listener.path(), "version"), StartsWith("ok"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  for (const int socket : others) close(socket);

  const int slow = connectTo(listener.path());
  sendAll(slow, "ver");
  EXPECT_EQ(answerOn(slow), "") << "dropped after a second";
  EXPECT_THAT(ask(listener.path(), std::string(2000, 'x')), HasSubstr("too long"));
  EXPECT_THAT(ask(listener.path(), std::string("version\0x", 9)), StartsWith("ok"));
  listener.victim().command('o');
}

TEST(Control, AnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  Listener listener;
  waitForSocket(listener.path());
  const std::string folder = listener.path().substr(0, listener.path().rfind('/'));
  ASSERT_EQ(chmod(folder.c_str(), 0755), 0);
  for (const bool fileIsOpen : {false, true}) {
    ASSERT_EQ(chmod(listener.path().c_str(), fileIsOpen ? 0666 : 0600), 0);
    const pid_t child = fork();
    if (child == 0) {
      if (setuid(65534) != 0) _exit(9);
      const std::string answer = ask(listener.path(), "version");
      _exit(answer == "(nobody listens)" ? 1 : answer.find("error only the user") == 0 ? 2 : 3);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), fileIsOpen ? 2 : 1);
  }
}

TEST(Control, AProgramThatClosesAllDescriptorsKeepsItsOwnAndTheSocket) {
  Listener listener;
  waitForSocket(listener.path());
  listener.victim().command('c');
  EXPECT_THAT(ask(listener.path(), "version"), StartsWith("ok"));
  EXPECT_EQ(ask(listener.path(), "start 8k"), "ok 8192\n");
  EXPECT_EQ(ask(listener.path(), "dump"), "ok\n");
  listener.victim().command('w');  // they are still its own, under the numbers it got
  EXPECT_THAT(ask(listener.path(), "stats"), StartsWith("ok"));
  listener.victim().closeInput();
  EXPECT_EQ(WEXITSTATUS(listener.victim().end()), 2);
}

TEST(Control, GoesWithTheProcess) {
  Listener listener;
  waitForSocket(listener.path());
  listener.victim().closeInput();
  listener.victim().end();
  EXPECT_NE(access(listener.path().c_str(), F_OK), 0);
  EXPECT_EQ(listener.victim().errors(), "");
}

TEST(Control, DoesNotKeepAProgramAliveWhoseThreadsHaveEnded) {
  const Scratch scratch;
  const std::string path = scratch.path("s");
  Victim victim(scratch, "main thread ends later", "sample=4k,dump=none,control=" + path);
  waitForSocket(path);
  EXPECT_EQ(WEXITSTATUS(victim.end()), 0);
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(Control, GoesWithAProcessThatATerminationSignalEnds) {
  Listener listener("sample=4k,dump=term");
  waitForSocket(listener.path());
  kill(listener.victim().pid(), SIGTERM);
  EXPECT_EQ(WTERMSIG(listener.victim().end()), SIGTERM);
  EXPECT_NE(access(listener.path().c_str(), F_OK), 0);
}

TEST(Control, AForkedChildHasASocketOfItsOwn) {
  const Scratch scratch;
  setenv("XDG_RUNTIME_DIR", scratch.path("").c_str(), 1);
  Victim victim(scratch, "obeys", "sample=4k,dump=none,control=1");
  unsetenv("XDG_RUNTIME_DIR");
  const auto socketOf = [&](pid_t pid) {
    return scratch.path("") + "/heapprof." + std::to_string(geteuid()) + "." + std::to_string(pid) + ".sock";
  };
  victim.waitReady();
  waitForSocket(socketOf(victim.pid()));
  victim.command('k');
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", victim.pid(), victim.pid());
  const pid_t child = std::stoi(readFile(path));
  victim.command('a');  // it is the child that obeys now
  waitForSocket(socketOf(child));
  EXPECT_THAT(ask(socketOf(child), "stats"), HasSubstr("\"pid\":" + std::to_string(child)));
  EXPECT_THAT(ask(socketOf(victim.pid()), "stats"), HasSubstr("\"pid\":" + std::to_string(victim.pid())));
  kill(child, SIGKILL);
}

std::string switchesOf(pid_t pid) {
  std::string all;
  const std::string folder = "/proc/" + std::to_string(pid) + "/task";
  char command[200];
  snprintf(command, sizeof command, "grep -h voluntary_ctxt %s/*/status", folder.c_str());
  FILE* lines = popen(command, "r");
  char buffer[4096];
  while (fgets(buffer, sizeof buffer, lines) != nullptr) all += buffer;
  pclose(lines);
  return all;
}

TEST(Control, CostsAnIdleProcessNoWakeUps) {
  Listener listener;
  waitForSocket(listener.path());
  sleep(3);  // the heap's rounds go on for a while
  const std::string before = switchesOf(listener.victim().pid());
  EXPECT_EQ(std::count(before.begin(), before.end(), '\n'), 6) << "three threads, two kinds of switches";
  sleep(1);
  EXPECT_EQ(switchesOf(listener.victim().pid()), before);
}

void forbid(int number) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  if (!filterCalls(filter)) _exit(9);
}

TEST(Control, WhereTheKernelRefusesThereIsOneLineAndNoSocket) {
  constexpr int kCloseRange = 436;
  void (*const refusals[])() = {[] { forbid(SYS_socket); }, [] { forbid(SYS_bind); },
                                [] { forbid(SYS_listen); }, [] { forbid(kCloseRange); }};
  for (const auto refuse : refusals) {
    Listener listener("sample=4k,dump=exit", refuse);
    usleep(400000);
    EXPECT_EQ(connectTo(listener.path()), -1);
    listener.victim().command('a');
    listener.victim().closeInput();
    EXPECT_EQ(WEXITSTATUS(listener.victim().end()), 2);
    EXPECT_THAT(listener.victim().errors(),
                MatchesRegex("heapprof: no control socket at [^\n]*not permitted\n"));
    EXPECT_THAT(listener.scratch().files(), testing::Contains("d.1")) << "the rest goes on";
  }
}

TEST(Control, WhereConnectionsCannotBeTakenTheProgramRunsOn) {
  Listener listener("sample=4k,dump=exit", [] { forbid(SYS_accept4); });
  usleep(400000);
  const int socket = connectTo(listener.path());
  ASSERT_GE(socket, 0);
  sendAll(socket, "version\n");
  pollfd waiting = {socket, POLLIN, 0};
  EXPECT_EQ(poll(&waiting, 1, 500), 0) << "nobody answers";
  listener.victim().command('a');
  close(socket);
  listener.victim().closeInput();
  EXPECT_EQ(WEXITSTATUS(listener.victim().end()), 2);
  EXPECT_THAT(listener.scratch().files(), testing::Contains("d.1"));
}

TEST(Control, WithoutAHelperThreadThereIsOneLineOnlyWhereItWasAskedFor) {
  for (const bool askedFor : {false, true}) {
    const Scratch scratch;
    const std::string control = askedFor ? ",control=" + scratch.path("s") : ",control=1";
    Victim victim(scratch, "return", "sample=4k,dump=none,background=0" + control);
    EXPECT_EQ(WEXITSTATUS(victim.end()), 5);
    const std::string errors = victim.errors();
    EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), askedFor ? 1 : 0) << errors;
    EXPECT_EQ(errors.find("background=0") != std::string::npos, askedFor);
  }
}

}  // namespace
}  // namespace heapprof::tests

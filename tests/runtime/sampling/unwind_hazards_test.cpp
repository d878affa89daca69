// What a walk meets in real processes. A hang is a failure: each case runs in a child under a deadline.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>
#include <pthread.h>
#include <string>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "runtime/sampling/read.h"
#include "runtime/sampling/sampler.h"
#include "runtime/sampling/unwind.h"
#include "tests/sanitizers.h"

namespace heapprof::sampling {
namespace {

using Clock = std::chrono::steady_clock;

// Runs `body` in a fresh process that calls it alone; true when it ended by itself with 0 in time.
::testing::AssertionResult endsWell(const std::function<int()>& body, int seconds) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  for (const auto deadline = Clock::now() + std::chrono::seconds(seconds); Clock::now() < deadline;) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return ::testing::AssertionSuccess();
      return ::testing::AssertionFailure() << "status " << status;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return ::testing::AssertionFailure() << "hung for " << seconds << " s";
}

Lane& laneOf(std::uintptr_t address) {
  return lanes[address / 16 % kLanes];
}

[[gnu::noinline]] RecordId sampleOne(std::uintptr_t address) {
  const Allocation allocation = {reinterpret_cast<void*>(address), 16, 16, 0, Kind::kMalloc, 1};
  Lane& lane = laneOf(address);
  SiteNode* site = siteOf(lane, allocation, __builtin_frame_address(0));
  if (site == nullptr) return 0;
  const LockGuard guard(lane.lock);
  const RecordId id = record(lane, allocation, site, now());
  __asm__ volatile("");
  return id;
}

void sampleAndForget(std::uintptr_t address) {
  Lane& lane = laneOf(address);
  if (const RecordId id = sampleOne(address); id != 0) {
    const LockGuard guard(lane.lock);
    forget(lane, id, now());
  }
}

struct Totals {
  std::uint64_t sites = 0, failed = 0, frames = 0;
};
Totals totals() {
  Totals all;
  forEachSite(
      [](void* context, const Site& site) {
        auto& sum = *static_cast<Totals*>(context);
        ++sum.sites;
        sum.failed += site.failure != nullptr ? 1 : 0;
        sum.frames += site.frameCount;
      },
      &all);
  return all;
}

void closeEverything() {
  for (int fd = 3; fd < 1024; ++fd) close(fd);
}

// The program's own descriptors on the numbers that libunwind believes to be its own: not read, not written,
// not closed.
TEST(Hazards, ClosedAndReusedDescriptorsAreNeverTouched) {
  for (const char* unwinder : {"libunwind", "auto"}) {
    EXPECT_TRUE(endsWell(
        [unwinder] {
          setenv("HEAPPROF", (std::string("sample=1,dump=none,unwind=") + unwinder).c_str(), 1);
          initialise();
          sampleAndForget(1);
          closeEverything();
          int pipes[8][2];
          std::vector<int> mine;
          for (auto& ends : pipes) {
            if (pipe(ends) != 0) return 2;
            if (write(ends[1], "precious", 8) != 8) return 3;
            mine.insert(mine.end(), {ends[0], ends[1]});
          }
          std::thread([] {
            for (std::uintptr_t i = 1; i < 200; ++i) sampleAndForget(i * 16);
          }).join();
          for (std::uintptr_t i = 1; i < 200; ++i) sampleAndForget(i * 16);
          for (const auto& ends : pipes) {
            fcntl(ends[0], F_SETFL, O_NONBLOCK);
            char text[32] = {};
            if (read(ends[0], text, sizeof text) != 8 || memcmp(text, "precious", 8) != 0) return 4;
          }
          for (int fd : mine) {
            if (close(fd) != 0) return 5;
          }
          const bool openedLibunwind = dlopen("libunwind.so.8", RTLD_NOW | RTLD_NOLOAD) != nullptr;
          if (std::string(unwinder) == "libunwind" && openedLibunwind &&
              std::string(statistics().unwinder) == "libunwind") {
            return 6;  // it must have been left for good
          }
          return totals().failed == 0 ? 0 : 7;
        },
        20))
        << unwinder;
  }
}

// Symbolizers and exception tables allocate inside dl_iterate_phdr, which holds ld.so's lock, while other
// threads sample.
TEST(Hazards, AllocatingInsideDlIteratePhdrDoesNotHang) {
  EXPECT_TRUE(endsWell(
      [] {
        setenv("HEAPPROF", "sample=1,dump=none", 1);
        initialise();
        std::atomic<bool> stop{false};
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t) {
          threads.emplace_back([&stop, t] {
            while (!stop.load()) {
              // New threads, because some unwinders remember by thread.
              std::thread([t] {
                if (t == 0) {
                  dl_iterate_phdr(
                      [](dl_phdr_info*, std::size_t, void*) {
                        sampleAndForget(64);
                        return 0;
                      },
                      nullptr);
                } else {
                  for (std::uintptr_t i = 1; i < 50; ++i) sampleAndForget(i * 16);
                }
              }).join();
            }
          });
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        stop.store(true);
        for (auto& thread : threads) thread.join();
        return totals().failed == 0 ? 0 : 1;
      },
      30));
}

int sampleInPlugin(void* argument) {
  sampleAndForget(reinterpret_cast<std::uintptr_t>(argument));
  return 0;
}

TEST(Hazards, DlopenStormsWhileOthersSample) {
  EXPECT_TRUE(endsWell(
      [] {
        setenv("HEAPPROF", "sample=1,dump=none", 1);
        initialise();
        std::atomic<bool> stop{false};
        std::atomic<int> rounds{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 2; ++t) {
          threads.emplace_back([&] {
            while (!stop.load()) {
              void* plugin = nullptr;
              {
                const heapprof::tests::LinkerCall order;
                plugin = dlopen(HEAPPROF_TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL);
              }
              if (plugin == nullptr) _exit(9);
              auto call = reinterpret_cast<int (*)(int (*)(void*), void*)>(dlsym(plugin, "pluginCall"));
              if (call(sampleInPlugin, &stop) != 1) _exit(8);
              {
                const heapprof::tests::LinkerCall order;
                dlclose(plugin);
              }
              rounds.fetch_add(1);
            }
          });
          threads.emplace_back([&] {
            while (!stop.load()) sampleAndForget(16);
          });
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        stop.store(true);
        for (auto& thread : threads) thread.join();
        return rounds.load() > 50 && totals().failed == 0 ? 0 : 1;
      },
      30));
}

// Children of a process whose other threads are in the middle of walks take stacks themselves, whichever
// unwinder.
TEST(Hazards, ForkStormsWhileOthersSample) {
#if defined(__SANITIZE_THREAD__)
  const auto unwinders = {"auto"};  // libunwind's thread end crashes inside libtsan: see unwind_test.cpp
#else
  const auto unwinders = {"libunwind", "auto"};
#endif
  for (const char* unwinder : unwinders) {
    EXPECT_TRUE(endsWell(
        [unwinder] {
          setenv("HEAPPROF", (std::string("sample=1,dump=none,unwind=") + unwinder).c_str(), 1);
          initialise();
          pthread_atfork([] { prepareFork(), lockTables(); }, [] { unlockTables(), parentAfterFork(); },
                         [] { resetTableLocks(), childAfterFork(); });
          std::atomic<bool> stop{false};
          std::vector<std::thread> threads;
          for (int t = 0; t < 3; ++t) {
            threads.emplace_back([&stop] {
              while (!stop.load()) {
                std::thread([] {
                  for (std::uintptr_t i = 1; i < 20; ++i) sampleAndForget(i * 16);
                }).join();
              }
            });
          }
          int failures = 0;
          for (int i = 0; i < 100; ++i) {
            const pid_t child = fork();
            if (child == 0) {
              for (std::uintptr_t k = 1; k < 20; ++k) sampleAndForget(k * 16);
              _exit(totals().failed == 0 ? 0 : 1);
            }
            int status = 0;
            waitpid(child, &status, 0);
            failures += status != 0 ? 1 : 0;
          }
          stop.store(true);
          for (auto& thread : threads) thread.join();
          return failures == 0 ? 0 : 1;
        },
        60))
        << unwinder;
  }
}

// Samples taken in a handler that interrupts a sample of the same thread.
TEST(Hazards, SignalHandlersThatSampleInterruptSamples) {
  EXPECT_TRUE(endsWell(
      [] {
        setenv("HEAPPROF", "sample=1,dump=none", 1);
        initialise();
        signal(SIGALRM, [](int) { sampleAndForget(32); });
        itimerval every{{0, 200}, {0, 200}};
        setitimer(ITIMER_REAL, &every, nullptr);
        const auto end = Clock::now() + std::chrono::seconds(1);
        while (Clock::now() < end) sampleAndForget(16);
        itimerval never{};
        setitimer(ITIMER_REAL, &never, nullptr);
        return statistics().liveRecords == 0 ? 0 : 1;
      },
      20));
}

}  // namespace
}  // namespace heapprof::sampling

// Threads go on while a dump is written: nothing of theirs is locked, and the dump stays valid.
#include <atomic>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

#include "heapprof/heapprof.h"

#include "formats/pprof/read_profile.h"
#include "runtime/base/random.h"
#include "runtime/entry/malloc_family.h"
#include "tests/runtime/introspect/support.h"

namespace heapprof::tests {
namespace {

// Allocates and frees at random until told to stop; counts its operations.
class Churn {
 public:
  explicit Churn(int threads) {
    for (int t = 0; t < threads; ++t) {
      threads_.emplace_back([this, t] { run(static_cast<std::uint64_t>(t)); });
    }
  }
  ~Churn() { stop(); }
  Churn(const Churn&) = delete;
  Churn& operator=(const Churn&) = delete;
  std::uint64_t operations() const { return operations_.load(); }
  // Until every thread has allocated: before that a dump may rightly show none of them.
  void waitUntilAllWork() const {
    while (working_.load() < threads_.size()) std::this_thread::yield();
  }
  void stop() {
    stop_ = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void run(std::uint64_t seed) {
    base::Random random(seed);
    std::vector<void*> slots(500, nullptr);
    bool counted = false;
    while (!stop_) {
      for (int i = 0; i < 200; ++i) {
        void*& slot = slots[random.next() % slots.size()];
        hp_free(slot);
        const auto shift = static_cast<unsigned>(random.next() % 18);
        slot = hp_malloc(1 + random.next() % (std::size_t{1} << shift));
        if (shift == 17) slot = hp_realloc(slot, 200000);
      }
      operations_ += 200;
      if (!counted) ++working_;
      counted = true;
    }
    for (void* slot : slots) hp_free(slot);
  }
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> operations_{0};
  std::atomic<std::size_t> working_{0};
  std::vector<std::thread> threads_;
};

TEST(DumpUnderLoad, EveryDumpIsValid) {
  const Scratch scratch;
  const Sampling sampling(16384);
  Churn churn(6);
  churn.waitUntilAllWork();
  for (int i = 0; i < 12; ++i) {
    const auto profile = dumpNow(scratch, std::to_string(i));
    EXPECT_TRUE(profile.heapSnapshot.header().approximate());
    EXPECT_GT(profile.heapSnapshot.threads().id_size(), 3);
    EXPECT_GT(total(profile, "inuse_space"), 0);
  }
}

// The dump hangs on a pipe that nobody reads, with everything held that it ever holds; the others must not
// notice.
TEST(DumpUnderLoad, AStuckDumpStopsNobody) {
  const Scratch scratch;
  const Sampling sampling(1);
  Objects objects;
  objects.add(20000, 100);  // enough that the dump is larger than a pipe
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  std::atomic<int> result{-1};
  std::thread dumper([&] {
    result = heapprof_dump_fd(ends[1]);
    close(ends[1]);
  });
  std::string received(1, '\0');
  ASSERT_EQ(read(ends[0], received.data(), 1), 1);  // it has begun to write
  usleep(50000);                                    // and filled the pipe
  ASSERT_EQ(result, -1);
  {
    Churn churn(3);
    const std::uint64_t enough = 400000;
    while (churn.operations() < enough) usleep(1000);
    std::thread([] { hp_free(hp_malloc(100)); }).join();
    EXPECT_EQ(heapprof_dump(scratch.path("second").c_str()), EBUSY);
    heapprof_stats stats = {};
    EXPECT_EQ(heapprof_get_stats(&stats, sizeof stats), 0);
    EXPECT_EQ(heapprof_purge(nullptr), 0);
    EXPECT_EQ(result, -1) << "still stuck";
  }
  char buffer[65536];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;) {
    received.append(buffer, static_cast<std::size_t>(got));
  }
  dumper.join();
  close(ends[0]);
  EXPECT_EQ(result, 0);
  EXPECT_TRUE(formats::readProfileBytes(received.data(), received.size(), "pipe").ok());
}

}  // namespace
}  // namespace heapprof::tests

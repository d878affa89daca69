// Signals that arrive anywhere inside malloc and free. The handler does not allocate; it burns stack, changes
// errno and returns. Blocks stay right, errno is put back by nobody but the handler itself.
#include <cerrno>
#include <cstring>
#include <pthread.h>
#include <signal.h>
#include <thread>

#include "tests/stress/worker.h"

namespace heapprof::stress {
namespace {

class Signals : public Intervals {};
HEAPPROF_INTERVALS(Signals);

std::atomic<std::uint64_t> received{0};

void onSignal(int) {
  const int saved = errno;
  volatile unsigned char deep[2000];
  for (std::size_t i = 0; i < sizeof deep; i += 64) deep[i] = static_cast<unsigned char>(i);
  received.fetch_add(1, std::memory_order_relaxed);
  errno = saved;
}

void walkUnderSignals(int flags, double share) {
  struct sigaction action {};
  struct sigaction previous {};
  action.sa_handler = onSignal;
  action.sa_flags = flags;
  ASSERT_EQ(sigaction(SIGUSR1, &action, &previous), 0);
  received = 0;
  const Deadline deadline(share);
  std::vector<std::string> errors(2);
  std::vector<std::thread> threads;
  std::atomic<int> running{2};
  for (std::size_t i = 0; i < errors.size(); i++) {
    threads.emplace_back([&, i] {
      std::vector<unsigned char> alternate(1 << 16);
      stack_t stack{alternate.data(), 0, alternate.size()};
      sigaltstack(&stack, nullptr);
      {
        Worker worker(seedFor(60000 + i), {.largest = 200000, .heldBytes = 8 << 20});
        while (!deadline.passed() && !worker.failed()) worker.step();
        errors[i] = worker.error();
      }
      stack.ss_flags = SS_DISABLE;
      running--;
      while (running >= 0) std::this_thread::yield();  // stays until no more signals are sent
      sigaltstack(&stack, nullptr);
    });
  }
  while (running > 0) {
    for (auto& thread : threads) pthread_kill(thread.native_handle(), SIGUSR1);
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  running = -1;
  for (auto& thread : threads) thread.join();
  sigaction(SIGUSR1, &previous, nullptr);
  tally().signals += received;
  EXPECT_GT(received, 20u);
  for (const auto& error : errors) EXPECT_EQ(error, "");
}

TEST_P(Signals, InterruptAnyOperation) {
  walkUnderSignals(SA_RESTART, 0.4);
}
TEST_P(Signals, MayRunOnAnAlternateStack) {
  walkUnderSignals(SA_RESTART | SA_ONSTACK, 0.3);
}

}  // namespace
}  // namespace heapprof::stress

// dlopen and dlclose in a storm while other threads allocate and are sampled: the unwinder must survive code
// that comes and goes, and nobody may hold a lock of ours while waiting for the dynamic linker's.
#include <dlfcn.h>
#include <link.h>
#include <thread>

#include "tests/stress/worker.h"

namespace heapprof::stress {
namespace {

class Dlopen : public Intervals {};
HEAPPROF_INTERVALS(Dlopen);

using ModuleAllocate = void* (*)(const conformance::Family*, std::size_t, int);

std::string modulePath(std::size_t index) {
  return std::string(HEAPPROF_STRESS_MODULE_DIR) + "/libstress_module_" + std::to_string(index % 4 + 1) +
         ".so";
}

std::string loadUntil(const Deadline& deadline, std::uint64_t salt) {
  base::Random random(seedFor(salt));
  std::vector<std::pair<unsigned char*, std::pair<std::size_t, unsigned char>>> kept;
  std::uint64_t loads = 0;
  std::string problem;
  while (!deadline.passed() && problem.empty()) {
    const std::size_t index = random.next();
    const int binding = random.next() % 2 == 0 ? RTLD_NOW : RTLD_LAZY;
    void* handle = nullptr;
    {
      const tests::LinkerCall order;
      handle = dlopen(modulePath(index).c_str(), binding);
    }
    if (handle == nullptr) return dlerror();
    loads++;
    const auto allocate = reinterpret_cast<ModuleAllocate>(dlsym(handle, "stressModuleAllocate"));
    for (int i = 0; i < 20; i++) {
      const std::size_t bytes = 1 + logUniform(random, 30000);
      auto* p = static_cast<unsigned char*>(allocate(&family(), bytes, static_cast<int>(random.next() % 20)));
      if (p == nullptr) return "null without need";
      kept.push_back({p, {bytes, static_cast<unsigned char>(index % 4 + 1)}});
    }
    {
      const tests::LinkerCall order;
      dlclose(handle);
    }
    while (kept.size() > 100) {
      const std::size_t at = random.next() % kept.size();
      const auto [p, content] = kept[at];
      if (p[0] != content.second || p[content.first - 1] != content.second)
        problem = "a module's block changed";
      family().free(p);
      kept[at] = kept.back();
      kept.pop_back();
      tally().operations += 2;
    }
  }
  for (const auto& block : kept) family().free(block.first);
  tally().loads += loads;
  return problem;
}

TEST_P(Dlopen, StormWhileOthersAllocateAndAreSampled) {
  const Deadline deadline(0.8);
  std::vector<std::string> errors(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 2; i++) {
    threads.emplace_back([&, i] { errors[i] = loadUntil(deadline, 50000 + i); });
    threads.emplace_back([&, i] {
      Worker worker(seedFor(51000 + i), {.largest = 50000, .heldBytes = 4 << 20});
      while (!deadline.passed() && !worker.failed()) worker.step();
      errors[2 + i] = worker.error();
    });
  }
  for (auto& thread : threads) thread.join();
  tally().threads += 4;
  for (const auto& error : errors) EXPECT_EQ(error, "");
}

// The callback runs inside the dynamic linker's lock. If a sampled allocation of another thread waits for
// that lock while it holds one of ours, and the callback's allocation waits for ours, both wait for ever.
TEST_P(Dlopen, AllocatingInsideDlIteratePhdrDoesNotDeadlock) {
  const Deadline deadline(0.5);
  std::vector<std::string> errors(3);
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    while (!deadline.passed()) {
      Worker worker(seedFor(52000), {.largest = 20000, .heldBytes = 1 << 20});
      dl_iterate_phdr(
          [](dl_phdr_info*, std::size_t, void* context) {
            for (int i = 0; i < 20; i++) static_cast<Worker*>(context)->step();
            return 0;
          },
          &worker);
      worker.freeAll();
      if (worker.failed()) errors[0] = worker.error();
    }
  });
  threads.emplace_back([&] {
    Worker worker(seedFor(52001), {.largest = 20000, .heldBytes = 1 << 20});
    while (!deadline.passed() && !worker.failed()) worker.step();
    errors[1] = worker.error();
  });
  threads.emplace_back([&] { errors[2] = loadUntil(deadline, 52002); });
  for (auto& thread : threads) thread.join();
  tally().threads += 3;
  for (const auto& error : errors) EXPECT_EQ(error, "");
}

}  // namespace
}  // namespace heapprof::stress

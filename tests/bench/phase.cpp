// A load that falls: N threads grow a mixed heap, a share of it survives (at random, or clustered), the
// program idles, then grows again. Beside RSS stands the floor that 4 KiB pages allow: what was resident
// before, plus every page that holds a live byte.
//
//   phase [MiB] [threads] [survivors %] [clustered 0|1] [threads live on 0|1] [child 0|1] [idle s] [purge
//   0|1] [rest before the fall, s]
//
// The slots live in mappings of their own, so that the program's books move no figure.
//
// Beside the time to grow back stand the ways this kernel has to give as many bytes back, on as many threads,
// in fresh mappings: `touch`, a byte a 4 KiB page; `populate`, MADV_POPULATE_WRITE; `huge`, by huge pages
// where 2 MiB ranges had been resident (7 in 8 of their pages) and all of each was given back (`whole_mib`),
// the rest by touch. What a page costs depends on whether the machine below has it at hand: after seconds of
// idleness not, and then a fault costs 20 times as much. So each is timed right after as much memory was
// faulted and freed, untimed, as is the growth itself: all are warm, and all lie within about a second. (What
// a huge page is made of goes back to the machine below sooner than what small ones are: before the growth
// both kinds are faulted.) Each way is measured before and after the growth, and the smaller figure stands,
// so that a disturbance is never in our favour. `write` is what the program's own writing of the same blocks
// costs once they are resident and out of the caches: in `regrow` it is contained, in the three ways it is
// not. `written` is populate by 64 KiB, each written right afterwards: the least that a program can see whose
// memory comes back written.
#include <algorithm>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/bench/bench.h"

namespace {

using bench::Slot;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kPagesInRange = kHugePage / kPage;
constexpr std::size_t kMostThreads = 256;
constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, Linux 5.14

struct Plan {
  std::size_t bytes;
  std::size_t threads;
  std::size_t survivorsPercent;
  bool clustered, liveOn, child;
  long idleSeconds;
  bool purge;
  long restSeconds;
};
Plan plan;

enum class Step { kGrow, kFall, kGrowAgain, kWrite, kTouch, kPopulate, kPopulateAndWrite, kEnd };

struct Worker {
  pthread_t thread;
  sem_t go, done;
  Step step;
  std::uint64_t seed;
  Slot* slots;
  std::size_t count, capacity;
  char* fresh;  // for kTouch and kPopulate; the first so many bytes by huge pages
  std::size_t freshBytes, hugeBytes;
  bool failed;
};
Worker workers[kMostThreads];

void grow(Worker& worker) {
  bench::Random random(worker.seed);
  const std::size_t share = plan.bytes / plan.threads;
  for (std::size_t bytes = 0; bytes < share && worker.count < worker.capacity; ++worker.count) {
    worker.slots[worker.count].fill(bench::mixedSize(random));
    bytes += worker.slots[worker.count].size;
  }
}

// Random: each block lives on its own. Clustered: the first so many per cent of every thousand allocated in a
// row.
bool survives(bench::Random& random, std::size_t index) {
  if (plan.clustered) return index % 1000 < plan.survivorsPercent * 10;
  return random.below(100) < plan.survivorsPercent;
}

template <typename Act>
void forThoseThatFall(Worker& worker, Act act) {
  bench::Random random(worker.seed + 1000);
  for (std::size_t i = 0; i < worker.count; ++i) {
    if (!survives(random, i)) act(worker.slots[i]);
  }
}

void growAgain(Worker& worker) {
  bench::Random random(worker.seed + 2000);
  for (std::size_t i = 0; i < worker.count; ++i) {
    if (worker.slots[i].block == nullptr) worker.slots[i].fill(bench::mixedSize(random));
  }
}

void touch(Worker& worker) {
  for (std::size_t at = 0; at < worker.freshBytes; at += at < worker.hugeBytes ? kHugePage : kPage)
    worker.fresh[at] = 1;
}

void populateAndWrite(Worker& worker) {
  constexpr std::size_t kPart = 64 << 10;
  for (std::size_t at = 0; at < worker.freshBytes; at += kPart) {
    const std::size_t part = std::min(kPart, worker.freshBytes - at);
    worker.failed = madvise(worker.fresh + at, part, kPopulateWrite) != 0 || worker.failed;
    std::memset(worker.fresh + at, 1, part);
  }
}

void perform(Worker& worker) {
  switch (worker.step) {
    case Step::kGrow:
      return grow(worker);
    case Step::kFall:
      return forThoseThatFall(worker, [](Slot& slot) { slot.release(); });
    case Step::kGrowAgain:
      return growAgain(worker);
    case Step::kWrite:
      return forThoseThatFall(worker, [](Slot& slot) { std::memset(slot.block, 2, slot.size); });
    case Step::kTouch:
      return touch(worker);
    case Step::kPopulate:
      worker.failed = madvise(worker.fresh, worker.freshBytes, kPopulateWrite) != 0;
      return;
    case Step::kPopulateAndWrite:
      return populateAndWrite(worker);
    case Step::kEnd:
      return;
  }
}

void* live(void* context) {
  auto& worker = *static_cast<Worker*>(context);
  for (bool more = true; more;) {
    while (sem_wait(&worker.go) != 0) {
    }
    more = plan.liveOn && worker.step != Step::kEnd;
    perform(worker);
    sem_post(&worker.done);  // from here on `step` may be the next one
  }
  return nullptr;
}

// Seconds that the step took.
double everybody(Step step) {
  const double start = bench::now();
  for (std::size_t i = 0; i < plan.threads; ++i) {
    workers[i].step = step;
    if (!plan.liveOn && step != Step::kEnd) pthread_create(&workers[i].thread, nullptr, live, &workers[i]);
    if (plan.liveOn || step != Step::kEnd) sem_post(&workers[i].go);
  }
  for (std::size_t i = 0; i < plan.threads; ++i) {
    if (plan.liveOn || step != Step::kEnd) {
      while (sem_wait(&workers[i].done) != 0) {
      }
    }
    if (plan.liveOn == (step == Step::kEnd)) pthread_join(workers[i].thread, nullptr);
  }
  return bench::now() - start;
}

// Distinct units of so many bytes that hold a byte of a live block, in order.
struct Units {
  std::uintptr_t* at;
  std::size_t count, capacity;
  void release() const { munmap(at, capacity * sizeof(std::uintptr_t)); }
};
Units unitsInUse(std::size_t unit) {
  std::size_t most = 0;
  for (std::size_t t = 0; t < plan.threads; ++t) {
    for (std::size_t i = 0; i < workers[t].count; ++i) {
      const Slot& slot = workers[t].slots[i];
      if (slot.block != nullptr) most += slot.size / unit + 2;
    }
  }
  Units units{bench::mapped<std::uintptr_t>(most + 1), 0, most + 1};
  for (std::size_t t = 0; t < plan.threads; ++t) {
    for (std::size_t i = 0; i < workers[t].count; ++i) {
      const Slot& slot = workers[t].slots[i];
      if (slot.block == nullptr) continue;
      const auto start = reinterpret_cast<std::uintptr_t>(slot.block);
      for (std::uintptr_t each = start / unit; each <= (start + slot.size - 1) / unit; ++each)
        units.at[units.count++] = each;
    }
  }
  std::sort(units.at, units.at + units.count);
  units.count = static_cast<std::size_t>(std::unique(units.at, units.at + units.count) - units.at);
  return units;
}

struct Floor {
  std::size_t liveBytes, pages;
};
Floor floorOfPages() {
  std::size_t bytes = 0;
  for (std::size_t t = 0; t < plan.threads; ++t) {
    for (std::size_t i = 0; i < workers[t].count; ++i) {
      if (workers[t].slots[i].block != nullptr) bytes += workers[t].slots[i].size;
    }
  }
  const Units pages = unitsInUse(kPage);
  pages.release();
  return {bytes, pages.count};
}

std::size_t residentPages(std::uintptr_t range) {
  unsigned char resident[kPagesInRange];
  std::size_t count = 0;
  if (mincore(reinterpret_cast<void*>(range * kHugePage), kHugePage, resident) == 0) {
    for (const unsigned char page : resident) count += page & 1;
    return count;
  }
  for (std::size_t i = 0; i < kPagesInRange; ++i) {  // parts are not mapped
    if (mincore(reinterpret_cast<void*>(range * kHugePage + i * kPage), kPage, resident) == 0)
      count += resident[0] & 1;
  }
  return count;
}

// Keeps the 2 MiB ranges that have from `least` to `most` pages resident.
void keepThoseWith(Units& ranges, std::size_t least, std::size_t most) {
  ranges.count = static_cast<std::size_t>(std::remove_if(ranges.at, ranges.at + ranges.count,
                                                         [least, most](std::uintptr_t range) {
                                                           const std::size_t pages = residentPages(range);
                                                           return pages < least || pages > most;
                                                         }) -
                                          ranges.at);
}

double hugeMiB() {
  return static_cast<double>(bench::fileKiB("/proc/self/smaps_rollup", "AnonHugePages")) / 1024;
}

// The parent's pages stay shared with it until somebody writes.
pid_t startChild() {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  return child;
}

void prepare() {
  const std::size_t capacity = plan.bytes / plan.threads / 2048;
  for (std::size_t i = 0; i < plan.threads; ++i) {
    Worker& worker = workers[i];
    worker.seed = 17 + i;
    worker.capacity = capacity;
    worker.slots = bench::mapped<Slot>(capacity);
    std::memset(worker.slots, 0, capacity * sizeof(Slot));
    sem_init(&worker.go, 0, 0);
    sem_init(&worker.done, 0, 0);
    if (plan.liveOn) pthread_create(&worker.thread, nullptr, live, &worker);
  }
}

// Seconds for a step over fresh mappings of so many bytes in all, the first so many by huge pages. 0: the
// kernel cannot do it.
double fresh(Step step, std::size_t bytes, std::size_t byHugePages) {
  const std::size_t each = bytes / plan.threads / kPage * kPage;
  const std::size_t huge = std::min(each, byHugePages / plan.threads) / kHugePage * kHugePage;
  if (each == 0) return 0;
  char* maps[kMostThreads];
  for (std::size_t i = 0; i < plan.threads; ++i) {
    maps[i] = bench::mapped<char>(each + kHugePage);
    const auto start = reinterpret_cast<std::uintptr_t>(maps[i]);
    workers[i].fresh = maps[i] + (kHugePage - start % kHugePage) % kHugePage;
    workers[i].freshBytes = each;
    workers[i].hugeBytes = huge;
    workers[i].failed = false;
    if (huge != 0) madvise(workers[i].fresh, huge, MADV_HUGEPAGE);
    if (each != huge) madvise(workers[i].fresh + huge, each - huge, MADV_NOHUGEPAGE);
  }
  double seconds = everybody(step);
  for (std::size_t i = 0; i < plan.threads; ++i) {
    munmap(maps[i], each + kHugePage);
    if (workers[i].failed) seconds = 0;
  }
  return seconds;
}

struct Ways {
  double touch, populate, written, huge;
};
Ways measureWays(std::size_t bytes, std::size_t whole) {
  Ways ways{};
  fresh(Step::kTouch, bytes + bytes / 8, 0);
  ways.touch = fresh(Step::kTouch, bytes, 0);
  ways.populate = fresh(Step::kPopulate, bytes, 0);
  ways.written = fresh(Step::kPopulateAndWrite, bytes, 0);
  if (whole / plan.threads >= kHugePage) {
    fresh(Step::kTouch, bytes, whole);
    ways.huge = fresh(Step::kTouch, bytes, whole);
  }
  // For whatever is timed next, which may fault by small pages or by huge ones.
  fresh(Step::kTouch, bytes + bytes / 8, 0);
  fresh(Step::kTouch, bytes + bytes / 8, bytes + bytes / 8);
  return ways;
}

struct Growth {
  double seconds, write, backMiB;
  long faults, peakKiB;  // of the program, without what the ways took
  Ways ways;
  double wholeMiB;
};
Growth measureGrowth(double givenBackMiB, std::size_t wholeRanges) {
  Growth growth{};
  const auto bytes = static_cast<std::size_t>(std::max(0.0, givenBackMiB) * 1048576);
  const std::size_t whole = std::min(bytes, wholeRanges * kHugePage);
  growth.wholeMiB = static_cast<double>(whole) / 1048576;
  growth.peakKiB = bench::statusKiB("VmHWM");
  const Ways before = measureWays(bytes, whole);
  const long faultsBefore = bench::faults();
  growth.seconds = everybody(Step::kGrowAgain);
  growth.faults = bench::faults() - faultsBefore;
  growth.backMiB = bench::rssMiB();
  growth.peakKiB = std::max(growth.peakKiB, bench::statusKiB("VmRSS"));
  const Ways after = measureWays(bytes, whole);
  growth.ways = {std::min(before.touch, after.touch), std::min(before.populate, after.populate),
                 std::min(before.written, after.written), std::min(before.huge, after.huge)};
  growth.write = everybody(Step::kWrite);
  return growth;
}

void readPlan(int argc, char** argv) {
  plan.bytes = static_cast<std::size_t>(bench::argument(argc, argv, 1, 512)) << 20;
  plan.threads = std::min(kMostThreads, static_cast<std::size_t>(bench::argument(argc, argv, 2, 2)));
  plan.survivorsPercent = static_cast<std::size_t>(bench::argument(argc, argv, 3, 10));
  plan.clustered = bench::argument(argc, argv, 4, 0) != 0;
  plan.liveOn = bench::argument(argc, argv, 5, 1) != 0;
  plan.child = bench::argument(argc, argv, 6, 0) != 0;
  plan.idleSeconds = bench::argument(argc, argv, 7, 5);
  plan.purge = bench::argument(argc, argv, 8, 0) != 0;
  plan.restSeconds = bench::argument(argc, argv, 9, 0);
}

}  // namespace

int main(int argc, char** argv) {
  readPlan(argc, argv);
  prepare();
  const double baseline = bench::rssMiB();
  const double grown = everybody(Step::kGrow);
  bench::sleepUntil(bench::now() + static_cast<double>(plan.restSeconds));
  const double full = bench::rssMiB();
  const double hugeFull = hugeMiB();
  Units ranges = unitsInUse(kHugePage);
  keepThoseWith(ranges, kPagesInRange * 7 / 8, kPagesInRange);
  const pid_t child = plan.child ? startChild() : 0;
  double fallCpu = -bench::cpu();
  everybody(Step::kFall);
  if (plan.purge) malloc_trim(0);
  const double fallen = bench::now();
  const double cpuFallen = bench::cpu();
  const double atOnce = bench::rssMiB();
  bench::sleepUntil(fallen + 1);
  const double afterOne = bench::rssMiB();
  const double idleCpu = bench::cpu() - cpuFallen;
  // The floor takes time and memory of its own, so it is computed between the readings.
  fallCpu += bench::cpu();
  const Floor floor = floorOfPages();
  fallCpu -= bench::cpu();
  bench::sleepUntil(fallen + static_cast<double>(plan.idleSeconds));
  fallCpu += bench::cpu();
  const double afterAll = bench::rssMiB();
  const double hugeAfterAll = hugeMiB();
  keepThoseWith(ranges, 0, 0);
  // The workers' slots and what else the program touched since are in both figures.
  double slots = 0;
  for (std::size_t i = 0; i < plan.threads; ++i)
    slots += static_cast<double>(workers[i].count * sizeof(Slot)) / 1048576;
  const double best = baseline + static_cast<double>(floor.pages * kPage) / 1048576;
  const Growth growth = measureGrowth(full - afterAll, ranges.count);
  everybody(Step::kEnd);
  if (child > 0) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  const Ways& ways = growth.ways;
  std::printf(
      "family=phase live_mib=%.1f slots_mib=%.1f baseline_mib=%.1f floor_mib=%.1f grow=%.3f full_mib=%.1f "
      "fallen_mib=%.1f rss1_mib=%.1f rss5_mib=%.1f rss1_floor=%.3f rss5_floor=%.3f idle_cpu=%.4f "
      "fall_cpu=%.4f "
      "regrow=%.4f regrow_faults=%ld back_mib=%.1f touch=%.4f populate=%.4f written=%.4f huge=%.4f "
      "whole_mib=%.1f "
      "write=%.4f huge_full_mib=%.1f huge5_mib=%.1f wall=%.4f peak_rss_kib=%ld\n",
      static_cast<double>(floor.liveBytes) / 1048576, slots, baseline, best, grown, full, atOnce, afterOne,
      afterAll, afterOne / best, afterAll / best, idleCpu, fallCpu, growth.seconds, growth.faults,
      growth.backMiB, ways.touch, ways.populate, ways.written, ways.huge, growth.wholeMiB, growth.write,
      hugeFull, hugeAfterAll, growth.seconds, growth.peakKiB);
}

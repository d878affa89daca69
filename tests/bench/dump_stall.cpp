// How long a dump holds up the program's threads, at many live samples and a large map. Run with
// HEAPPROF=sample=1.
//
//   dump_stall FOLDER [workers] [seconds] [thousand samples] [GiB mapped] [interval then]    (1 10 1000 1024
//   524288)
//
// Every object of the first part is a live sample, on some thousands of stacks. Then GiB blocks are
// allocated, never touched, and the interval is set to what production has. Workers then time single steps of
// three kinds: malloc, free, and a mapping that is made, touched and undone (it waits for the lock of the
// address space, as faults may). They do so for a time without dumps, and for the same time while this thread
// dumps without a pause.
//
// A step's time goes to one of three, by the thread's own counts of switches: `ran` (it never left the
// processor), `waited` (it slept, for a lock or the disk), `preempted` (the scheduler took the processor,
// nobody's lock). Of a mapping that waited, the time for which it was awake and had no processor is taken
// off: on a loaded machine that is most of it. A virtual machine's host, and interrupts, hide in `ran`: hence
// the time without dumps beside it.
#include <atomic>
#include <fcntl.h>
#include <pthread.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/include/heapprof/heapprof.h"
#include "tests/bench/latency.h"

#pragma weak heapprof_dump
#pragma weak heapprof_set_interval
#pragma weak heapprof_get_stats

namespace {

constexpr std::size_t kMostThreads = 64;
constexpr std::size_t kHeld = 4096;
enum Step { kMalloc, kFree, kMap, kSteps };
enum Kind { kRan, kWaited, kPreempted, kKinds };
constexpr const char* kStepNames[] = {"malloc", "free", "map"};
constexpr const char* kKindNames[] = {"ran", "waited", "preempted"};

struct Stall {
  std::uint64_t longest, overTenth, overOne;  // ticks; steps above 0.1 ms, above 1 ms
};
struct Part {
  Stall stalls[kSteps][kKinds];
  std::uint64_t steps;
};
struct Worker {
  pthread_t thread;
  std::size_t index;
  Part parts[2];  // without dumps, with dumps
};
Worker workers[kMostThreads];
std::atomic<int> part{0};  // 2: the end
std::uint64_t tenthTicks;
double tickNanos;

// Four functions that call each other by the bits of `path`: a stack a path, as long as it has pairs of bits.
void* deepMalloc(std::size_t path, int depth);
template <int kWhich>
[[gnu::noinline]] void* deeper(std::size_t path, int depth) {
  void* block = depth == 0 ? std::malloc(64) : deepMalloc(path / 4, depth - 1);
  asm volatile("" : "+r"(block) : "i"(kWhich));  // no tail call, no two that are one
  return block;
}
[[gnu::noinline]] void* deepMalloc(std::size_t path, int depth) {
  constexpr void* (*kNext[])(std::size_t, int) = {deeper<0>, deeper<1>, deeper<2>, deeper<3>};
  void* block = kNext[path % 4](path, depth);
  asm volatile("" : "+r"(block));
  return block;
}

struct Switches {
  long waited, preempted;
};
Switches switches() {
  rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return {usage.ru_nvcsw, usage.ru_nivcsw};
}

// How long this thread was ready to run and did not, since it began. Known where the kernel counts it.
class Ready {
 public:
  Ready() : file_(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}
  Ready(const Ready&) = delete;
  Ready& operator=(const Ready&) = delete;
  ~Ready() { close(file_); }
  double nanos() const {
    char text[80];
    const ssize_t got = pread(file_, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = 0;
    double ran = 0;
    double ready = 0;
    return std::sscanf(text, "%lf %lf", &ran, &ready) == 2 ? ready : 0;
  }

 private:
  int file_;
};

template <typename Work>
void timed(Part& in, Step step, const Work& work, const Ready* ready = nullptr) {
  const double readyBefore = ready != nullptr ? ready->nanos() : 0;
  const Switches before = switches();
  const std::uint64_t from = bench::ticks();
  work();
  std::uint64_t took = bench::ticks() - from;
  Kind kind = kRan;
  if (took >= tenthTicks / 4) {
    const Switches after = switches();
    kind = after.preempted != before.preempted ? kPreempted : after.waited != before.waited ? kWaited : kRan;
    if (kind == kWaited && ready != nullptr) {
      const auto notReady = static_cast<double>(took) - (ready->nanos() - readyBefore) / tickNanos;
      took = notReady > 0 ? static_cast<std::uint64_t>(notReady) : 0;
    }
  }
  Stall& stall = in.stalls[step][kind];
  stall.longest = std::max(stall.longest, took);
  stall.overTenth += took >= tenthTicks;
  stall.overOne += took >= tenthTicks * 10;
  ++in.steps;
}

void* serve(void* context) {
  auto& worker = *static_cast<Worker*>(context);
  bench::Random random(worker.index + 5);
  auto** held = bench::mapped<char*>(kHeld);
  const Ready ready;
  for (std::uint64_t i = 0;; ++i) {
    const int now = part.load(std::memory_order_relaxed);
    if (now > 1) break;
    Part& in = worker.parts[now];
    char*& block = held[random.below(kHeld)];
    timed(in, kFree, [&] { std::free(block); });
    // One in a thousand is larger than any slab.
    const std::size_t size = i % 1024 == 0 ? std::size_t{1} << 20 : std::size_t{16} << random.below(12);
    timed(in, kMalloc, [&] { block = static_cast<char*>(std::malloc(size)); });
    if (block == nullptr) std::abort();
    *block = 1;
    if (i % 64 == 0) {
      const auto map = [] {
        constexpr std::size_t kBytes = 16384;
        void* at = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *static_cast<volatile char*>(at) = 1;
        munmap(at, kBytes);
      };
      timed(in, kMap, map, &ready);
    }
  }
  return nullptr;
}

void print(const char* name, int which, std::size_t threads, double tick) {
  Part all = {};
  for (std::size_t i = 0; i < threads; ++i) {
    const Part& one = workers[i].parts[which];
    all.steps += one.steps;
    for (int step = 0; step < kSteps; ++step) {
      for (int kind = 0; kind < kKinds; ++kind) {
        Stall& sum = all.stalls[step][kind];
        const Stall& from = one.stalls[step][kind];
        sum.longest = std::max(sum.longest, from.longest);
        sum.overTenth += from.overTenth;
        sum.overOne += from.overOne;
      }
    }
  }
  std::printf(" %s_steps=%.0f", name, static_cast<double>(all.steps));
  for (int step = 0; step < kSteps; ++step) {
    for (int kind = 0; kind < kKinds; ++kind) {
      const Stall& stall = all.stalls[step][kind];
      const char* const at[] = {kStepNames[step], kKindNames[kind]};
      std::printf(" %s_%s_%s_us=%.1f %s_%s_%s_over_100us=%.0f %s_%s_%s_over_1ms=%.0f", name, at[0], at[1],
                  static_cast<double>(stall.longest) * tick * 1e-3, name, at[0], at[1],
                  static_cast<double>(stall.overTenth), name, at[0], at[1],
                  static_cast<double>(stall.overOne));
    }
  }
}

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "dump_stall: %s\n", what);
  std::exit(2);
}

void sleepFor(double seconds) {
  usleep(static_cast<useconds_t>(seconds * 1e6));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2)
    fail("usage: dump_stall FOLDER [workers] [seconds] [thousand samples] [GiB mapped] [interval]");
  if (heapprof_dump == nullptr) fail("libheapprof.so is not preloaded");
  const std::size_t threads =
      std::min(kMostThreads, static_cast<std::size_t>(bench::argument(argc, argv, 2, 1)));
  const auto seconds = static_cast<double>(bench::argument(argc, argv, 3, 10));
  const auto samples = static_cast<std::size_t>(bench::argument(argc, argv, 4, 1000)) * 1000;
  const auto mapped = static_cast<std::size_t>(bench::argument(argc, argv, 5, 1024));
  const auto interval = static_cast<std::uint64_t>(bench::argument(argc, argv, 6, 512 << 10));

  bench::Random random(1);
  for (std::size_t i = 0; i < samples; ++i) {
    if (deepMalloc(random.next(), 6) == nullptr) fail("no memory for the samples");
  }
  for (std::size_t i = 0; i < mapped; ++i) {
    if (std::malloc(std::size_t{1} << 30) == nullptr) fail("no address space for the large blocks");
  }
  if (heapprof_set_interval(interval) != 0) fail("the interval cannot be changed: is sampling on?");

  const double tick = [] {
    const bench::TickLength length;
    sleepFor(0.1);
    return length.nanoseconds();
  }();
  tickNanos = tick;
  tenthTicks = static_cast<std::uint64_t>(1e5 / tick);
  for (std::size_t i = 0; i < threads; ++i) {
    workers[i].index = i;
    pthread_create(&workers[i].thread, nullptr, serve, &workers[i]);
  }
  sleepFor(5);  // until the helper has looked at all that is new, and the workers' heaps are warm
  for (std::size_t i = 0; i < threads; ++i)
    workers[i].parts[0] = Part{};  // a few steps may get lost: no matter
  sleepFor(seconds);
  part = 1;
  int dumps = 0;
  double bytes = 0;
  const double start = bench::now();
  while (bench::now() - start < seconds) {
    const std::string name = std::string(argv[1]) + "/stall." + std::to_string(dumps) + ".pb.gz";
    if (heapprof_dump(name.c_str()) != 0) fail("a dump failed");
    struct stat file;
    if (stat(name.c_str(), &file) == 0) bytes = static_cast<double>(file.st_size);
    unlink(name.c_str());
    ++dumps;
  }
  const double took = bench::now() - start;
  part = 2;
  for (std::size_t i = 0; i < threads; ++i) pthread_join(workers[i].thread, nullptr);
  heapprof_stats stats = {};
  heapprof_get_stats(&stats, sizeof stats);
  std::printf("family=dump_stall samples=%.0f lost=%.0f region_gib=%.1f dumps=%d dump_s=%.3f dump_mib=%.1f",
              static_cast<double>(stats.live_samples), static_cast<double>(stats.lost_samples),
              static_cast<double>(stats.region_bytes) / (1 << 30), dumps, took / dumps, bytes / (1 << 20));
  print("quiet", 0, threads, tick);
  print("dumping", 1, threads, tick);
  std::printf(" peak_rss_kib=%ld\n", bench::statusKiB("VmHWM"));
}

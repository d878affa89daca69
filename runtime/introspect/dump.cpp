#include "runtime/introspect/dump.h"

#include <atomic>
#include <cerrno>
#include <time.h>
#include <unistd.h>

#include "formats/wire/gzip_sink.h"
#include "runtime/base/mutex.h"
#include "runtime/heap/samples.h"
#include "runtime/introspect/dump_context.h"
#include "runtime/introspect/dump_file.h"
#include "runtime/introspect/dump_lock.h"
#include "runtime/introspect/proc_self.h"
#include "runtime/os/os.h"

namespace heapprof::introspect {
namespace {

constexpr std::size_t kWriterBytes = 65536;

constinit base::Mutex dumpLock;
constinit DumpMemory dumpMemory;           // guarded by dumpLock
constinit std::uint32_t dumpsWritten = 0;  // guarded by dumpLock

// Which process these books belong to. A vfork child has its parent's memory but another pid.
constinit std::atomic<std::uint64_t> ownPid{0};
constinit std::atomic<std::uint64_t> startReal{0};
constinit std::atomic<std::uint64_t> startMonotonic{0};

PlacementUse takePlacement(DumpMemory& memory) noexcept {
  const heap::Region region = heap::region();
  if (region.placementBytes == 0 || region.usedBytes == 0) {
    return {};
  }
  PlacementUse out;
  out.units = (region.usedBytes + region.placementBytes - 1) / region.placementBytes;
  out.liveBytes = memory.takeArray<std::uint32_t>(out.units);
  return out;
}

DumpTimes timesNow() noexcept {
  DumpTimes out{};
  out.dumpReal = os::calls().realtimeNanos();
  out.dumpMonotonic = os::calls().monotonicNanos();
  out.startReal = startReal.load(std::memory_order_relaxed);
  out.startMonotonic = startMonotonic.load(std::memory_order_relaxed);
  if (out.startReal == 0) {  // beginProcess() was never called: a test of parts
    out.startReal = out.dumpReal;
    out.startMonotonic = out.dumpMonotonic;
  }
  return out;
}

void noteProcess() noexcept {
  startReal.store(os::calls().realtimeNanos(), std::memory_order_relaxed);
  startMonotonic.store(os::calls().monotonicNanos(), std::memory_order_relaxed);
  // release: pairs with the acquire in isOwnProcess()
  ownPid.store(os::processId(), std::memory_order_release);
}

}  // namespace

DumpLock::DumpLock() noexcept : held_(dumpLock.tryLock()) {
  if (held_) {
    dumpMemory.begin();
  }
}

DumpLock::~DumpLock() {
  if (held_) {
    dumpMemory.end();
    dumpLock.unlock();
  }
}

DumpMemory& DumpLock::memory() noexcept {
  return dumpMemory;
}

std::uint32_t DumpLock::nextSequence() noexcept {
  return dumpsWritten + 1;
}

void DumpLock::countWritten() noexcept {
  ++dumpsWritten;
}

bool writeDump(DumpMemory& memory, wire::Sink sink, Reason reason, std::uint32_t sequence) noexcept {
  auto* buffer = memory.takeArray<unsigned char>(kWriterBytes);
  auto* classRows = memory.takeArray<ClassFigures>(SizeClassTable::kMaxClasses);
  if (buffer == nullptr || classRows == nullptr) {
    errno = ENOMEM;
    return false;
  }
  chooseProcSelf();
  heap::settleSamples();  // what is free by now is not live
  const DumpTimes times = timesNow();
  KernelTruth truth;
  truth.open(memory, buffer, heap::region().usedBytes);
  SizeClassTable classes;
  classes.load(classRows);
  const PlacementUse placement = takePlacement(memory);
  Waterfall waterfall = measureWaterfall(WaterfallInput{memory, truth, classes, placement});

  wire::GzipSink gzip(sink);
  wire::Writer writer(gzip.sink(), buffer, kWriterBytes);
  ProfileStrings strings(writer);
  SnapshotStrings snapshotStrings(writer);
  DumpContext dump{writer,    memory,    strings, snapshotStrings, truth,   classes,
                   placement, waterfall, times,   reason,          sequence};
  errno = 0;
  const bool enoughMemory = writeProfilePart(dump) && writeSizeClasses(dump) && writeExtents(dump) &&
                            writeHugePages(dump) && writePurges(dump) && writeTimeline(dump) &&
                            writeThreads(dump) && writeLiveSamples(dump) && writeHeader(dump);
  if (!enoughMemory) {
    errno = ENOMEM;
    return false;
  }
  writeTotals(dump);
  return writer.flush() && gzip.finish();
}

void beginProcess() noexcept {
  noteProcess();
}

void childAfterFork() noexcept {
  dumpLock.reset();
  dumpsWritten = 0;
  forgetFileInProgress();
  noteProcess();
}

bool waitForDumpInProgress(std::uint64_t nanos) noexcept {
  const std::uint64_t deadline = os::calls().monotonicNanos() + nanos;
  while (!dumpLock.tryLock()) {
    if (os::calls().monotonicNanos() > deadline) {
      return false;
    }
    const timespec pause{0, 2000000};
    nanosleep(&pause, nullptr);
  }
  dumpLock.unlock();
  return true;
}

bool isOwnProcess() noexcept {
  // acquire: pairs with the release in noteProcess()
  const std::uint64_t pid = ownPid.load(std::memory_order_acquire);
  return pid == 0 || pid == os::processId();
}

}  // namespace heapprof::introspect

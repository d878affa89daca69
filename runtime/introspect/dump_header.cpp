#include <cerrno>
#include <cstring>
#include <sys/utsname.h>
#include <unistd.h>

#include "heapprof/heapprof.h"

#include "runtime/config/options.h"
#include "runtime/heap/inspect.h"
#include "runtime/introspect/dump_context.h"
#include "runtime/introspect/line_reader.h"
#include "runtime/introspect/message.h"
#include "runtime/introspect/proc_self.h"
#include "runtime/introspect/text.h"
#include "runtime/os/os.h"
#include "runtime/os/thp.h"
#include "runtime/pages/huge.h"
#include "runtime/sampling/read.h"

namespace heapprof::introspect {
namespace {

constexpr std::size_t kHeaderBytes = 16384;
constexpr std::size_t kTextBytes = 4096;

enum class Availability : std::uint8_t {
  kUnknown,
  kWorks,
  kAbsent,
  kRefused,
  kOff
};  // = Availability in the schema

class HeaderWriter {
 public:
  HeaderWriter(DumpContext& dump, unsigned char* buffer, char* text) noexcept
      : dump_(dump), header_(buffer, kHeaderBytes), text_(text) {}

  void write() noexcept {
    identity();
    options();
    capabilities();
    geometry();
    sampler();
    header_.uint64(8, dump_.times.startReal);
    header_.uint64(9, dump_.times.dumpReal);
    header_.uint64(10, static_cast<std::uint64_t>(dump_.reason));
    header_.uint64(15, os::calls().monotonicNanos() - dump_.times.dumpMonotonic);
    header_.uint64(16, dump_.sequence);
    const Figure& threads = dump_.waterfall.process.threads;
    header_.uint64(17, !threads.known || threads.value > 1 ? 1 : 0);
    header_.writeAsSnapshotPart(dump_.writer, 1);
  }

 private:
  void string(std::uint32_t field, const char* text) noexcept {
    header_.uint64(field, dump_.snapshotStrings.add(text));
  }
  void identity() noexcept;
  void options() noexcept;
  void capability(const char* name, Availability state, const char* detail) noexcept;
  void capabilities() noexcept;
  void thpCapability() noexcept;
  void smallerHugePagesCapability() noexcept;
  void formingCapability() noexcept;
  void geometry() noexcept;
  void sampler() noexcept;

  DumpContext& dump_;
  Message header_;
  char* text_;
};

void HeaderWriter::identity() noexcept {
  header_.uint64(1, 1);
  string(2, heapprof_version());
  const ssize_t length = readlink(ProcSelf("exe"), text_, kTextBytes - 1);
  text_[length > 0 ? length : 0] = '\0';
  string(3, text_);
  header_.uint64(4, static_cast<std::uint64_t>(getpid()));
  utsname machine;
  if (uname(&machine) == 0) {
    string(5, machine.nodename);
    string(6, machine.release);
    string(7, machine.machine);
  }
  const long size = readSmallFile(ProcSelf("cmdline"), text_, kTextBytes);
  for (long i = 0; i + 1 < size; ++i) {
    if (text_[i] == '\0') {
      text_[i] = ' ';
    }
  }
  if (size > 0) {
    string(21, text_);
  }
}

void HeaderWriter::options() noexcept {
  config::forEachOption(
      config::options(),
      [](void* context, const char* key, const char* value) {
        auto& writer = *static_cast<HeaderWriter*>(context);
        const std::uint64_t keyIndex = writer.dump_.snapshotStrings.add(key);
        // Parallel columns: an empty value needs its entry too. Unpacked entries of a packed field are valid.
        const std::uint64_t valueIndex = writer.dump_.snapshotStrings.add(value);
        writer.header_.uint64Always(11, keyIndex);
        writer.header_.uint64Always(12, valueIndex);
      },
      this);
}

void HeaderWriter::capability(const char* name, Availability state, const char* detail) noexcept {
  unsigned char buffer[48];
  Message message(buffer, sizeof buffer);
  message.uint64(1, dump_.snapshotStrings.add(name));
  message.uint64(2, static_cast<std::uint64_t>(state));
  message.uint64(3, dump_.snapshotStrings.add(detail));
  header_.message(13, message);
}

Availability stateOf(int error) noexcept {
  switch (error) {
    case 0:
      return Availability::kWorks;
    case EPERM:
    case EACCES:
      return Availability::kRefused;
    default:
      return Availability::kAbsent;
  }
}

void HeaderWriter::thpCapability() noexcept {
  if (readSmallFile("/sys/kernel/mm/transparent_hugepage/enabled", text_, kTextBytes) <= 0) {
    capability("thp", Availability::kAbsent, "the kernel has no transparent huge pages");
    return;
  }
  const char* open = std::strchr(text_, '[');
  char* close = open != nullptr ? std::strchr(text_, ']') : nullptr;
  if (close == nullptr) {
    capability("thp", Availability::kUnknown, text_);
    return;
  }
  *close = '\0';
  const bool never = std::strcmp(open + 1, "never") == 0;
  capability("thp", never ? Availability::kOff : Availability::kWorks, open + 1);
}

// "16kB never, 32kB inherit, 64kB always": each size that the kernel has between a page and the PMD size,
// with what its setting says. Nothing where it has none (before Linux 6.8): nobody misses it.
void HeaderWriter::smallerHugePagesCapability() noexcept {
  Text sizes(text_, kTextBytes);
  const os::Geometry machine = os::geometry();
  for (std::size_t bytes = 2 * machine.pageBytes; bytes < machine.hugePageBytes; bytes *= 2) {
    char word[os::kSettingBytes];
    if (!os::readSizeSetting(bytes, word)) continue;
    if (sizes.length() != 0) sizes.add(", ");
    sizes.decimal(bytes >> 10).add("kB ").add(word);
  }
  if (sizes.length() != 0) capability("mthp", Availability::kWorks, sizes.c_str());
}

void HeaderWriter::formingCapability() noexcept {
  const pages::HugeTotals totals = pages::hugeTotals();
  switch (totals.forming) {
    case pages::Forming::kUntried:
      return capability("madv_collapse", Availability::kUnknown,
                        "not tried: no unit was dense for long enough");
    case pages::Forming::kWorks:
      return capability("madv_collapse", Availability::kWorks, totals.detail);
    case pages::Forming::kAbsent:
      return capability("madv_collapse", Availability::kAbsent, totals.detail);
    case pages::Forming::kRefused:
      return capability("madv_collapse", Availability::kRefused, totals.detail);
    case pages::Forming::kOff:
      return capability("madv_collapse", Availability::kOff, totals.detail);
  }
}

void HeaderWriter::capabilities() noexcept {
  const KernelTruth& truth = dump_.truth;
  capability(
      "pagemap_scan", stateOf(truth.scanError()),
      truth.scanError() == 0 ? "" : "PAGEMAP_SCAN, Linux 6.7: huge pages cannot be told apart without it");
  capability("pagemap", truth.known() ? Availability::kWorks : stateOf(truth.pagemapError()),
             truth.failed()  ? "failed midway: resident columns are incomplete, totals are left out"
             : truth.known() ? ""
                             : errorText(truth.pagemapError()));
  const int rollup = dump_.waterfall.process.rollupError;
  if (rollup == E2BIG) {
    capability("smaps_rollup", Availability::kOff,
               "not read: this process is large and it would hold up its mmap");
  } else {
    capability("smaps_rollup", stateOf(rollup), rollup == 0 ? "" : errorText(rollup));
  }
  const CgroupFigures& cgroup = dump_.waterfall.cgroup;
  capability("cgroup", cgroup.charge.known ? Availability::kWorks : Availability::kAbsent,
             cgroup.charge.known ? cgroup.version : "no readable memory controller");
  thpCapability();
  smallerHugePagesCapability();
  formingCapability();
  const sampling::Statistics statistics = sampling::statistics();
  const bool libunwind = std::strcmp(statistics.unwinder, "libunwind") == 0;
  const bool on = sampling::intervalBytes() != 0 || statistics.recordsEver != 0;
  capability("libunwind",
             libunwind ? Availability::kWorks
             : on      ? Availability::kAbsent
                       : Availability::kOff,
             on ? statistics.unwinderNote : "sampling is off");
}

void HeaderWriter::geometry() noexcept {
  const os::Geometry machine = os::geometry();
  const heap::Region region = heap::region();
  unsigned char buffer[96];
  Message message(buffer, sizeof buffer);
  message.uint64(1, machine.pageBytes);
  message.uint64(2, machine.hugePageBytes);
  message.uint64(3, region.granuleBytes);
  message.uint64(4, region.placementBytes);
  message.uint64(5, region.start);
  message.uint64(6, region.usedBytes);
  header_.message(14, message);
}

void HeaderWriter::sampler() noexcept {
  const sampling::Statistics statistics = sampling::statistics();
  if (sampling::intervalBytes() != 0) {
    header_.uint64Always(18, sampling::intervalBytes());
  }
  header_.uint64(19, statistics.intervalDoublings);
  header_.uint64(20, statistics.lostRecords);
  string(22, statistics.unwinder);
  const config::Options& options = config::options();
  if (options.hasSeed) {
    header_.uint64Always(23, options.seed);
  }
}

}  // namespace

bool writeHeader(DumpContext& dump) noexcept {
  auto* buffer = dump.memory.takeArray<unsigned char>(kHeaderBytes);
  auto* text = dump.memory.takeArray<char>(kTextBytes);
  if (buffer == nullptr || text == nullptr) {
    return false;
  }
  HeaderWriter(dump, buffer, text).write();
  return true;
}

void writeTotals(DumpContext& dump) noexcept {
  unsigned char buffer[512];
  Message totals(buffer, sizeof buffer);
  const auto put = [&totals](std::uint32_t field, const Figure& figure) {
    if (figure.known) {
      totals.uint64Always(field, figure.value);
    }
  };
  const Waterfall& w = dump.waterfall;
  put(1, w.process.rss);
  put(2, w.process.pss);
  put(3, w.requested);
  put(4, w.requestedStderr);
  put(5, w.internalSlack);
  put(6, w.live);
  put(7, w.freeSlots);
  put(8, w.threadCaches);
  put(9, w.dirty);
  put(10, w.purged);
  put(11, w.metadata);
  put(12, w.sampler);
  put(13, w.otherMappings);
  put(14, w.cgroup.chargedUnmapped);
  put(15, w.untouched);
  put(16, w.huge);
  put(17, w.swapped);
  const heap::Totals heapTotals = heap::totals();
  totals.uint64Always(18, heapTotals.allocatedBytes);
  totals.uint64Always(19, heapTotals.allocatedObjects);
  put(20, w.liveObjects);
  const sampling::Statistics statistics = sampling::statistics();
  if (statistics.peakNanos != 0) {
    totals.uint64Always(21, static_cast<std::uint64_t>(statistics.peakBytes + 0.5));
    totals.uint64Always(22, dump.times.startReal + (statistics.peakNanos - dump.times.startMonotonic));
  }
  totals.uint64Always(23, heapTotals.forkLostBytes);
  put(25, w.cgroup.charge);
  put(26, w.process.peakRss);
  totals.writeAsSnapshotPart(dump.writer, 2);
}

}  // namespace heapprof::introspect

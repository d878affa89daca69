#include "runtime/introspect/waterfall.h"

#include "runtime/introspect/extent_walk.h"
#include "runtime/introspect/other_mappings.h"
#include "runtime/introspect/own_memory.h"
#include "runtime/introspect/requested_estimate.h"
#include "runtime/os/os.h"
#include "runtime/sampling/read.h"

namespace heapprof::introspect {
namespace {

struct Sums {
  double live = 0, liveSwapped = 0, cached = 0, freeSlots = 0;
  std::uint64_t liveBytes = 0, liveObjects = 0, dirty = 0, purged = 0, regionMetadata = 0, huge = 0;
  double largeLive = 0;  // resident
  std::uint64_t largeBytes = 0, largeObjects = 0;
};

struct Scan {
  const WaterfallInput& input;
  heap::Region region;
  Sums sums;
};

std::uint64_t rounded(double value) noexcept {
  return value > 0 ? static_cast<std::uint64_t>(value + 0.5) : 0;
}

// Spreads an extent's live bytes evenly over the placement units it lies in.
void addToPlacement(Scan& scan, const heap::Extent& extent, std::uint64_t liveBytes) noexcept {
  const PlacementUse& use = scan.input.placement;
  if (use.liveBytes == nullptr || liveBytes == 0) {
    return;
  }
  const double density = static_cast<double>(liveBytes) / static_cast<double>(extent.bytes);
  const std::uintptr_t end = extent.start + extent.bytes;
  for (std::uintptr_t at = extent.start; at < end;) {
    const std::size_t unit = (at - scan.region.start) / scan.region.placementBytes;
    const std::uintptr_t unitEnd = scan.region.start + (unit + 1) * scan.region.placementBytes;
    const std::uintptr_t stop = unitEnd < end ? unitEnd : end;
    if (unit < use.units) {
      use.liveBytes[unit] += static_cast<std::uint32_t>(rounded(density * static_cast<double>(stop - at)));
    }
    at = stop;
  }
}

void addObjects(Scan& scan, const heap::Extent& extent, const ExtentShare& share) noexcept {
  Sums& sums = scan.sums;
  sums.live += share.live;
  sums.liveSwapped += share.liveSwapped;
  sums.cached += share.cached;
  sums.freeSlots += share.freeSlots;
  sums.liveBytes += share.liveBytes;
  sums.liveObjects += share.liveObjects;
  addToPlacement(scan, extent, share.liveBytes);
  if (extent.kind == heap::ExtentKind::kLarge) {
    sums.largeLive += share.live;
    sums.largeBytes += share.liveBytes;
    sums.largeObjects += share.liveObjects;
  } else if (ClassFigures* figures = scan.input.classes.find(extent.objectSize)) {
    figures->residentBytes += share.pages.resident;
    figures->liveResidentBytes += share.live;
  }
}

void visitExtent(void* context, const heap::Extent& extent) noexcept {
  auto& scan = *static_cast<Scan*>(context);
  const ExtentShare share = shareOut(extent, scan.input.truth);
  scan.sums.huge += share.pages.huge;
  switch (extent.kind) {
    case heap::ExtentKind::kSmallSlab:
    case heap::ExtentKind::kMediumSlab:
    case heap::ExtentKind::kLarge:
      addObjects(scan, extent, share);
      break;
    case heap::ExtentKind::kFreeDirty:
    case heap::ExtentKind::kUnused:  // resident there: the kernel's huge pages reach beyond what was used
      scan.sums.dirty += share.pages.resident;
      break;
    case heap::ExtentKind::kFreePurged:
      scan.sums.dirty += share.pages.resident;
      scan.sums.purged += extent.bytes - share.pages.resident;
      break;
    case heap::ExtentKind::kMetadata:
      scan.sums.regionMetadata += share.pages.resident;
      break;
    case heap::ExtentKind::kUnknown:
      break;  // its residency stays unattributed, as it should
  }
}

// Of objects above a page only a part may be resident, and the part beyond what was asked for usually is not:
// those samples are looked at page by page. Bounded, because each look is a call to the kernel.
constexpr std::uint64_t kMaxProbes = 100000;

class Samples {
 public:
  Samples(const WaterfallInput& input, bool exactlyResident) noexcept
      : input_(input), page_(os::geometry().pageBytes), probesLeft_(exactlyResident ? kMaxProbes : 0) {}

  void add(const sampling::LiveRecord& record) noexcept {
    ++records;
    ClassFigures* figures = input_.classes.find(record.allocated);
    RequestSums& nominal = figures != nullptr ? figures->nominal : largeNominal;
    RequestSums& resident = figures != nullptr ? figures->resident : largeResident;
    const sampling::Weight weight = sampling::weightOf(record.allocated, record.interval);
    auto allocated = static_cast<double>(record.allocated);
    auto requested = static_cast<double>(record.requested);
    addSample(&nominal, weight, allocated, requested);
    if (record.allocated > page_ && probesLeft_ != 0) {
      --probesLeft_;
      probe(record, &allocated, &requested);
    }
    addSample(&resident, weight, allocated, requested);
  }

  std::uint64_t records = 0;
  RequestSums largeNominal, largeResident;

 private:
  void probe(const sampling::LiveRecord& record, double* allocated, double* requested) noexcept {
    const std::uintptr_t start = record.address;
    const std::uintptr_t askedEnd = start + record.requested;
    const std::uintptr_t askedPages = (askedEnd + page_ - 1) / page_ * page_;
    const std::uintptr_t end = start + record.allocated;
    PageBytes asked;
    PageBytes beyond;
    if (!input_.truth.sum(start, record.requested, &asked) ||
        (end > askedPages && !input_.truth.sum(askedPages, end - askedPages, &beyond))) {
      return;
    }
    // The page in which the request ends belongs to it up to there.
    const std::uint64_t rest = askedPages - askedEnd;
    *requested = static_cast<double>(asked.resident > rest ? asked.resident - rest : asked.resident);
    *allocated = static_cast<double>(asked.resident + beyond.resident);
  }

  const WaterfallInput& input_;
  std::size_t page_;
  std::uint64_t probesLeft_;
};

// The split of resident live bytes into what was asked for and what size classes added.
struct Split {
  Estimate requested;
  double slack = 0;

  void add(const RequestSums& sums, double objects, double residentBytes, double smallest) noexcept {
    const Estimate estimate = estimateRequested(sums, objects, residentBytes, smallest);
    requested.value += estimate.value;
    requested.variance += estimate.variance;
    slack += estimateSlack(sums, objects, residentBytes, smallest);
  }
};

void estimateSplit(const Scan& scan, Waterfall* out) noexcept {
  Samples samples(scan.input, out->live.known);
  sampling::forEachLive(
      [](void* context, const sampling::LiveRecord& record) { static_cast<Samples*>(context)->add(record); },
      &samples);
  if (samples.records == 0 && sampling::intervalBytes() == 0) {
    return;  // sampling is off: nobody knows
  }
  out->classesEstimated = true;
  Split split;
  for (std::size_t i = 0; i < scan.input.classes.size(); ++i) {
    ClassFigures& figures = scan.input.classes[i];
    const std::uint64_t held = figures.row.outstanding;
    const auto objects = static_cast<double>(held - (figures.row.cached < held ? figures.row.cached : held));
    const auto smallest = static_cast<double>(figures.previousSize + 1);
    const Estimate all = estimateRequested(figures.nominal, objects,
                                           objects * static_cast<double>(figures.row.size), smallest);
    figures.requestedBytes = all.value;
    figures.requestedStderr = squareRoot(all.variance);
    split.add(figures.resident, objects, figures.liveResidentBytes, smallest);
  }
  // Large sizes are rounded up to whole granules.
  const auto objects = static_cast<double>(scan.sums.largeObjects);
  const double meanSize = objects > 0 ? scan.sums.largeLive / objects : 0;
  const auto rounding = static_cast<double>(scan.region.granuleBytes);
  split.add(samples.largeResident, objects, scan.sums.largeLive,
            meanSize > rounding ? meanSize - rounding : 0);
  if (out->live.known) {
    // What remote caches hold counts as outstanding above; it is no longer the program's.
    const double kept = scan.sums.live > 0 ? static_cast<double>(out->live.value) / scan.sums.live : 1;
    out->requested.set(rounded(split.requested.value * kept));
    out->requestedStderr.set(rounded(squareRoot(split.requested.variance) * kept));
    out->internalSlack.set(rounded(split.slack * kept));
  }
}

// Bytes that threads freed for others and have not yet sent back: the heaps' count of all caches minus the
// bins.
double remoteCacheBytes(const Scan& scan) noexcept {
  std::uint64_t cached = 0;
  heap::forEachHeap(
      [](void* context, const heap::HeapRow& row) {
        *static_cast<std::uint64_t*>(context) += row.cachedBytes;
      },
      &cached);
  std::uint64_t bins = 0;
  for (std::size_t i = 0; i < scan.input.classes.size(); ++i) {
    bins += scan.input.classes[i].row.cached * scan.input.classes[i].row.size;
  }
  const double bytes = cached > bins ? static_cast<double>(cached - bins) : 0;
  return bytes < scan.sums.live ? bytes : scan.sums.live;
}

void publishHeapLines(const Scan& scan, KernelTruth& truth, Waterfall* out) noexcept {
  const Sums& sums = scan.sums;
  out->liveObjects.set(sums.liveObjects);
  if (!truth.known() || truth.failed()) {
    return;
  }
  const double remote = remoteCacheBytes(scan);
  out->live.set(rounded(sums.live - remote));
  out->freeSlots.set(rounded(sums.freeSlots));
  out->threadCaches.set(rounded(sums.cached + remote));
  out->dirty.set(sums.dirty);
  out->purged.set(sums.purged);
  out->untouched.set(rounded(static_cast<double>(sums.liveBytes) - sums.live - sums.liveSwapped));
  if (truth.knowsHuge()) {
    out->huge.set(sums.huge);
  }
}

void measureOwnMemory(const Scan& scan, KernelTruth& truth, Waterfall* out) noexcept {
  struct Context {
    KernelTruth& truth;
    PageBytes books, sampler;
    bool good = true;
  } context{truth, {}, {}};
  forEachOwnRange(
      [](void* opaque, OwnKind kind, std::uintptr_t start, std::size_t bytes) {
        auto& c = *static_cast<Context*>(opaque);
        if (kind != OwnKind::kHeap) {
          PageBytes& into = kind == OwnKind::kSampler ? c.sampler : c.books;
          c.good = c.truth.sum(start, bytes, &into) && c.good;
        }
      },
      &context);
  if (context.good) {
    out->metadata.set(context.books.resident + scan.sums.regionMetadata);
    out->sampler.set(context.sampler.resident);
  }
}

void startAgain(Scan* scan) noexcept {
  scan->region = heap::region();
  scan->sums = Sums();
  scan->input.truth.forgetWindow();
  for (std::size_t i = 0; i < scan->input.classes.size(); ++i) {
    scan->input.classes[i].residentBytes = 0;
    scan->input.classes[i].liveResidentBytes = 0;
  }
  for (std::size_t i = 0; scan->input.placement.liveBytes != nullptr && i < scan->input.placement.units;
       ++i) {
    scan->input.placement.liveBytes[i] = 0;
  }
}

// The program runs on meanwhile, and where this thread had to wait for a processor it may have grown by much
// between the walk and the kernel's figure. So RSS is read before and after the walk, their mean counts, and
// where it moved by more than 0.1% the walk is repeated, each time content with twice the movement.
void walkAtRest(char* buffer, Scan* scan, ProcessFigures* process) noexcept {
  constexpr int kAttempts = 6;
  constexpr std::uint64_t kQuietShare = 1000;  // of RSS
  constexpr std::uint64_t kPatienceNanos = 500000000;
  const std::uint64_t started = os::calls().monotonicNanos();
  Figure before = readProcessFigures(buffer).rss;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    walkExtents(visitExtent, scan);
    *process = readProcessFigures(buffer);
    const Figure after = process->rss;
    if (!before.known || !after.known) {
      return;
    }
    process->rss.set(before.value / 2 + after.value / 2);
    const std::uint64_t moved =
        after.value > before.value ? after.value - before.value : before.value - after.value;
    if (moved <= (after.value / kQuietShare) << attempt || attempt + 1 == kAttempts ||
        os::calls().monotonicNanos() - started > kPatienceNanos) {
      return;
    }
    before = after;
    startAgain(scan);
  }
}

}  // namespace

ExtentShare shareOut(const heap::Extent& extent, KernelTruth& truth) noexcept {
  ExtentShare out;
  const std::uintptr_t end = extent.start + extent.bytes;
  const bool large = extent.kind == heap::ExtentKind::kLarge;
  const bool slab =
      extent.kind == heap::ExtentKind::kSmallSlab || extent.kind == heap::ExtentKind::kMediumSlab;
  if (!large && !slab) {
    out.pages = truth.within(extent.start, end);
    return out;
  }
  const std::uint64_t carved = large ? 1 : extent.carved;
  const std::uint64_t outstanding = large ? 1 : (extent.outstanding < carved ? extent.outstanding : carved);
  const std::uint64_t cached = large ? 0 : (extent.cached < outstanding ? extent.cached : outstanding);
  out.liveObjects = outstanding - cached;
  out.liveBytes = out.liveObjects * extent.objectSize;
  std::uintptr_t carvedEnd = extent.start + carved * extent.objectSize;
  carvedEnd = carvedEnd < end ? carvedEnd : end;
  const PageBytes used = truth.within(extent.start, carvedEnd);
  const PageBytes rest = truth.within(carvedEnd, end);
  out.pages = PageBytes{used.resident + rest.resident, used.swapped + rest.swapped, used.huge + rest.huge};
  // What was trimmed holds no memory: the others share what is resident, each up to its size.
  const std::uint64_t held =
      carved - (extent.trimmed < carved - outstanding ? extent.trimmed : carved - outstanding);
  if (held != 0) {
    const double share = 1 / static_cast<double>(held);
    const auto size = static_cast<double>(extent.objectSize);
    const auto resident = static_cast<double>(used.resident);
    const double slot = large || resident * share < size ? resident * share : size;
    out.live = slot * static_cast<double>(out.liveObjects);
    out.liveSwapped = static_cast<double>(used.swapped) * share * static_cast<double>(out.liveObjects);
    out.cached = slot * static_cast<double>(cached);
    out.freeSlots = resident - out.live - out.cached;
  } else {
    out.freeSlots = static_cast<double>(used.resident);
  }
  out.freeSlots += static_cast<double>(rest.resident);
  return out;
}

Waterfall measureWaterfall(const WaterfallInput& input) noexcept {
  Waterfall out;
  auto* buffer = input.memory.takeArray<char>(kFiguresBufferBytes);
  if (buffer == nullptr) {
    return out;
  }
  OtherMappings others;
  others.prepare(input.memory);
  others.measure(input.truth, &out.otherMappings);
  Scan scan{input, heap::region(), {}};
  walkAtRest(buffer, &scan, &out.process);
  measureOwnMemory(scan, input.truth, &out);
  out.swapped = out.process.swapped;
  publishHeapLines(scan, input.truth, &out);
  estimateSplit(scan, &out);
  out.cgroup = readCgroupFigures(buffer, out.process.anonymousRss);
  return out;
}

}  // namespace heapprof::introspect

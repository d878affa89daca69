// The heap snapshot's part of a made-up dump: field numbers are those of formats/proto/heap_snapshot.proto.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/tools/dump_writer.h"

namespace heapprof::tools {
namespace {

enum Part : std::uint32_t {
  kHeader = 1,
  kTotals,
  kSizeClasses,
  kExtents,
  kHugePages,
  kSamples,
  kPurges,
  kTimeline,
  kThreads,
  kStacks,
  kStrings
};

constexpr std::uint64_t kSecond = 1000000000;
constexpr std::uint64_t kEnd = 1735693200 * kSecond;  // the dump's time, an hour after its program's start
constexpr std::uint64_t kUptime = 3600;               // seconds from the program's start to kEnd
constexpr std::uint64_t kThreadCount = 16;
constexpr std::uint64_t kFirstThread = 4711;
constexpr std::uint64_t kOtherMappings = 24 << 20;
constexpr std::uint64_t kSamplerBytes = 3 << 20;
constexpr std::uint64_t kGenerated = 10;  // DumpReason

}  // namespace

void DumpWriter::snapshotPart(std::uint32_t field, const std::string& message) {
  Message chunk;
  chunk.bytes(field, message);
  out_.bytes(kSnapshotField, chunk.content().data(), chunk.content().size());
}

void DumpWriter::inChunks(std::uint32_t field, std::uint64_t rows,
                          const std::function<void(std::uint64_t, Columns&)>& row) {
  Columns columns;
  for (std::uint64_t i = 0; i < rows; ++i) {
    row(i, columns);
    if ((i + 1) % kChunkRows == 0 || i + 1 == rows) {
      snapshotPart(field, columns.take());
    }
  }
}

void DumpWriter::writeHeader() {
  const auto text = [this](const char* words) { return snapshotStrings_.index(words); };
  Message header, geometry;
  header.number(1, 1).number(2, text("heapprof make_dump")).number(3, text("/usr/sbin/example-server"));
  header.number(4, 4711)
      .number(5, text(plan_.host.c_str()))
      .number(6, text("6.1.0"))
      .number(7, text("x86_64"));
  header.number(8, kEnd - kUptime * kSecond).number(9, kEnd + plan_.second * kSecond).number(10, kGenerated);
  header.packed(11, {text("sample"), text("dump")});
  header.packed(12, {text("512k"), text("exit")});
  const struct {
    const char* name;
    std::uint64_t state;
    const char* detail;
  } capabilities[] = {{"pagemap", 1, ""},
                      {"pagemap_scan", 2, "needs Linux 6.7"},
                      {"thp", 1, "madvise"},
                      {"libunwind", 1, "libunwind.so.8"},
                      {"process_madvise", 3, "denied by seccomp"}};
  for (const auto& capability : capabilities) {
    Message row;
    row.number(1, text(capability.name)).number(2, capability.state).number(3, text(capability.detail));
    header.bytes(13, row.content());
  }
  geometry.number(1, kPageBytes)
      .number(2, kPlacementBytes)
      .number(3, kGranuleBytes)
      .number(4, kPlacementBytes);
  geometry.number(5, kRegionStart)
      .number(6, std::max<std::uint64_t>(1ull << 40, plan_.hugePages * kPlacementBytes));
  header.bytes(14, geometry.content());
  header.number(15, 41000000).number(16, 1).always(18, static_cast<std::uint64_t>(intervalBytes_));
  header.number(21, text("example-server --port 8080"))
      .number(22, text("frame-pointer"))
      .always(23, plan_.seed);
  snapshotPart(kHeader, header.content());
}

void DumpWriter::writeTotals() {
  const HeapTotals& heap = heap_.totals();
  const std::uint64_t heapResident =
      heap.liveBytes + heap.freeSlotBytes + heap.dirtyBytes + heap.metadataBytes;
  const std::uint64_t rss = heapResident + kSamplerBytes + kOtherMappings;
  const std::uint64_t slack = heap.liveBytes / 21;
  Message totals;
  totals.always(1, rss + rss / 200)
      .always(2, rss)
      .always(3, heap.liveBytes - slack)
      .always(4, heap.liveBytes / 90);
  totals.always(5, slack).always(6, heap.liveBytes).always(7, heap.freeSlotBytes).always(8, 0);
  totals.always(9, heap.dirtyBytes).always(10, heap.purgedBytes).always(11, heap.metadataBytes);
  totals.always(12, kSamplerBytes).always(13, kOtherMappings).always(15, 0).always(16, heapResident / 2);
  totals.always(17, 0)
      .always(18, 9 * heap.liveBytes)
      .always(19, 9 * heap.liveObjects)
      .always(20, heap.liveObjects);
  totals.always(21, heap.liveBytes + heap.liveBytes / 10)
      .always(22, kEnd - 900 * kSecond)
      .always(26, rss + rss / 8);
  snapshotPart(kTotals, totals.content());
}

void DumpWriter::writeSizeClasses() {
  const auto& classes = heap_.classes();
  inChunks(kSizeClasses, classes.size(), [&](std::uint64_t i, Columns& columns) {
    std::uint64_t capacity = 0, resident = 0, slabs = 0;
    for (const std::uint32_t row : classes[i].extents) {
      const Extent& extent = heap_.extents()[row];
      capacity += extent.capacity;
      resident += extent.residentBytes;
      slabs += extent.bytes / kGranuleBytes;
    }
    const std::uint64_t live = classes[i].live;
    columns.put(1, classes[i].objectBytes);
    columns.put(2, std::max(kGranuleBytes, classes[i].objectBytes));
    columns.put(3, slabs);
    columns.put(4, live);
    columns.put(5, capacity);
    columns.put(6, 0);
    columns.put(7, 9 * live);
    columns.put(8, 8 * live);
    columns.put(9, resident);
  });
}

void DumpWriter::writeExtents() {
  const auto& extents = heap_.extents();
  std::uint64_t before = 0;
  inChunks(kExtents, extents.size(), [&](std::uint64_t i, Columns& columns) {
    const Extent& extent = extents[i];
    columns.put(1, extent.start - (i % kChunkRows == 0 ? 0 : before));
    columns.put(2, extent.bytes);
    columns.put(3, extent.kind);
    columns.put(4, extent.classSize);
    columns.put(5, extent.live);
    columns.put(6, extent.capacity);
    columns.put(7, extent.residentBytes);
    columns.put(8, extent.owner);
    columns.put(9, extent.ageNanos);
    before = extent.start;
  });
}

void DumpWriter::writeHugePages() {
  Random random(plan_.seed * 3 + 3);
  const auto& pages = heap_.hugePages();
  inChunks(kHugePages, pages.size(), [&](std::uint64_t i, Columns& columns) {
    const HugePage& page = pages[i];
    const bool whole = page.backed == ~std::uint64_t{0};
    const std::uint64_t state = page.backed == 0 ? 1 : whole && random.percent(80) ? 3 : 2;
    const auto granules = static_cast<std::uint64_t>(__builtin_popcountll(page.backed));
    columns.put(1, i % kChunkRows == 0 ? i : 1);
    columns.putFixed(2, page.used);
    columns.putFixed(3, page.backed);
    columns.put(4, state);
    columns.put(5, granules * kGranuleBytes);
    columns.put(6, 0);
    columns.put(7, random.below(3600) * kSecond);
    columns.put(8, random.percent(20) ? random.skewed(9) : 0);
    columns.put(9, random.percent(10) ? random.skewed(4) : 0);
    columns.put(10, page.liveBytes);
    for (unsigned word = 0; word < kPlacementBytes / kPageBytes / 64;
         ++word) {  // 8 granules of 8 pages a word
      std::uint64_t pagesHere = 0;
      for (unsigned granule = 0; granule < 8; ++granule) {
        const std::uint64_t resident = (page.backed >> (8 * word + granule)) & 1;
        pagesHere |= resident * 0xff << (8 * granule);
      }
      columns.putFixed(11, pagesHere);
    }
  });
}

void DumpWriter::writeLiveSamples() {
  Columns columns;
  std::uint64_t rows = 0;
  Random random(plan_.seed * 3 + 4);
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    const Site& site = sites_[i];
    const ClassExtents& ofClass = heap_.classes()[site.ofClass];
    for (std::uint64_t nth = 0; nth < site.live; ++nth) {
      columns.putFixed(1, heap_.liveAddress(ofClass, site.firstLive + nth));
      columns.put(2, ofClass.objectBytes);
      columns.put(3, requestedOf(site));
      columns.put(4, i + 1);
      columns.put(5, kFirstThread + random.below(kThreadCount));
      columns.put(6, random.below(3600) * kSecond + random.below(kSecond));
      columns.put(7, site.kind);
      columns.put(8, static_cast<std::uint64_t>(intervalBytes_));
      columns.put(9, 0);
      if (++rows % kChunkRows == 0 || rows == liveSamples_) {
        snapshotPart(kSamples, columns.take());
      }
    }
  }
}

void DumpWriter::writeStacks() {
  const auto bits = [](double value) {
    std::uint64_t raw = 0;
    std::memcpy(&raw, &value, sizeof raw);
    return raw;
  };
  Random random(plan_.seed * 3 + 5);
  inChunks(kStacks, sites_.size(), [&](std::uint64_t i, Columns& columns) {
    const Site& site = sites_[i];
    const std::uint64_t size = heap_.classes()[site.ofClass].objectBytes;
    const double weight = weightOf(size), bytes = static_cast<double>(size);
    // A sample of weight w stands for w objects and was drawn with probability 1/w: variance w (w - 1) a
    // draw.
    const double perSample = weight * (weight - 1) * bytes * bytes;
    const std::uint64_t freed = site.allocations - site.live;
    columns.put(1, i + 1);
    columns.put(2, i);
    columns.put(3, site.allocations);
    columns.put(4, freed);
    columns.put(5, site.live);
    columns.putFixed(6, bits(perSample * static_cast<double>(site.live)));
    columns.putFixed(7, bits(perSample * static_cast<double>(site.allocations)));
    columns.put(8, static_cast<std::uint64_t>(std::llround(static_cast<double>(site.live) * weight * bytes)));
    const std::uint64_t first = kSecond * (kUptime - 1800 - random.below(1800));  // since the start
    columns.put(9, first);
    columns.put(10, first + kSecond * random.below(1800));
    const std::uint64_t bucket = 15 + random.below(20);
    for (std::uint64_t b = 0; b < 48; ++b) {
      columns.put(11, b == bucket ? freed - freed / 3 : b == bucket + 1 ? freed / 3 : 0);
    }
    columns.put(12, size);
    columns.put(13, site.kind);
  });
}

void DumpWriter::writeThreads() {
  const std::uint64_t allocated = 9 * heap_.totals().liveBytes / kThreadCount;
  inChunks(kThreads, kThreadCount, [&](std::uint64_t i, Columns& columns) {
    columns.put(1, kFirstThread + i);
    columns.put(2, snapshotStrings_.index(i == 0 ? "example-server" : "worker-" + std::to_string(i)));
    columns.put(3, (i % 5) * 4096);
    columns.put(4, allocated);
    columns.put(5, allocated / 9 * 8);
    columns.put(6, i % 7 == 6 ? 0 : 1);
  });
}

void DumpWriter::writeTimeline() {
  constexpr std::uint64_t kRows = 600;
  const HeapTotals& heap = heap_.totals();
  inChunks(kTimeline, kRows, [&](std::uint64_t i, Columns& columns) {
    const std::uint64_t live = heap.liveBytes / kRows * (i + 1);
    columns.put(1, (i + 1) * kUptime / kRows * kSecond);
    columns.put(2, live);
    columns.put(3, 9 * live);
    columns.put(4, live + live / 8 + kOtherMappings);
    columns.put(5, heap.dirtyBytes / (1 + (i * 7) % 5));
    columns.put(6, heap.purgedBytes / kRows * i);
    columns.put(7, live / 2);
    if (i == 300) {
      columns.put(8, (kUptime / 2 + 1) * kSecond);
      columns.put(9, snapshotStrings_.index("reload"));
    }
  });
}

void DumpWriter::writePurges() {
  constexpr std::uint64_t kEvents = 32;
  const std::uint64_t advised = heap_.totals().purgedBytes;
  Message purges;
  purges.always(1, kEvents).always(2, advised).always(3, advised / 10 * 9).always(4, advised / 10 * 8);
  purges.always(5, 91000000).always(6, kEvents / 4).always(7, advised / 100).always(8, advised / 50);
  purges.always(9, advised / 20).always(10, 12).always(11, 3).packed(12, {11, 16}).packed(13, {2, 1});
  const auto histogram = [&purges](std::uint32_t field, std::size_t first,
                                   std::vector<std::uint64_t> counts) {
    counts.insert(counts.begin(), first, 0);
    Message message;
    purges.bytes(field, message.packed(1, counts).content());
  };
  histogram(14, 15, {4, 9, 12, 7});
  histogram(15, 16, {1, 3, 8, 9, 6, 4, 0, 1});
  histogram(16, 20, {20, 90, 310, 820, 1430, 1100, 770, 900, 1310, 640, 330, 150, 20, 0, 0, 0, 8});
  for (std::uint64_t i = 0; i < kEvents; ++i) {
    const std::uint64_t bytes = advised / kEvents;
    Message event;
    event.number(1, kEnd - (kEvents - i) * 100 * kSecond).number(2, 1 + i % 3).number(3, bytes);
    event.number(4, bytes / 10 * 9)
        .number(5, bytes / 10 * 8)
        .number(6, 2800000)
        .number(7, i % 4 == 0 ? 1 : 0);
    event.always(8, bytes / 100).always(9, bytes / 50).always(10, i + 1 == kEvents ? 0 : bytes / 20);
    event.number(11, bytes / 3).number(12, i + 1 == kEvents ? 0 : 1 + i % 5 / 4);
    purges.bytes(17, event.content());
  }
  snapshotPart(kPurges, purges.content());
}

void DumpWriter::writeSnapshotStrings() {
  for (const std::string& text : snapshotStrings_.all()) {
    snapshotPart(kStrings, text);
  }
}

}  // namespace heapprof::tools

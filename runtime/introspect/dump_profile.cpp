#include <cstring>
#include <new>

#include "runtime/introspect/columns.h"
#include "runtime/introspect/dump_context.h"
#include "runtime/introspect/location_table.h"
#include "runtime/introspect/mapping_table.h"
#include "runtime/introspect/message.h"
#include "runtime/introspect/text.h"
#include "runtime/sampling/read.h"

namespace heapprof::introspect {
namespace {

// Fields of pprof's Profile.
enum ProfileField : std::uint32_t {
  kSampleType = 1,
  kSample = 2,
  kMapping = 3,
  kLocation = 4,
  kFunction = 5,
  kDropFrames = 7,
  kTimeNanos = 9,
  kDurationNanos = 10,
  kPeriodType = 11,
  kPeriod = 12,
  kComment = 13,
  kDefaultSampleType = 14,
};
enum StacksField : std::uint32_t {
  kStacks = 10,  // of HeapSnapshot
  kId = 1,
  kSampleIndex = 2,
  kRawAllocations = 3,
  kRawFrees = 4,
  kRawLive = 5,
  kVarianceInuse = 6,
  kVarianceAlloc = 7,
  kPeakBytes = 8,
  kFirstSeen = 9,
  kLastSeen = 10,
  kLifetime = 11,
  kAllocatedBytes = 12,
  kKind = 13,
};

constexpr std::size_t kStackRowsPerChunk = 512;  // a row has 48 lifetime buckets
constexpr std::size_t kValues = 6;
constexpr std::size_t kKinds = 8;
constexpr char kKindNames[kKinds][12] = {"unknown",  "malloc", "calloc", "realloc",
                                         "memalign", "new",    "new[]",  "new aligned"};
constexpr std::size_t kMaxFailures = 32;
// Frames of ours that a stack may still begin with; the sampler drops those that it knows of.
constexpr const char* kOwnFrames = "heapprof::(entry|heap|sampling)::.*";

std::int64_t asCount(double value) noexcept {
  return value > 0 ? static_cast<std::int64_t>(value + 0.5) : 0;
}

class SiteWriter {
 public:
  SiteWriter(DumpContext& dump, const MappingTable& mappings, Columns& stacks) noexcept
      : dump_(dump), mappings_(mappings), stacks_(stacks), locations_(dump.memory) {
    bytes_ = dump.strings.add("bytes");
    kind_ = dump.strings.add("kind");
  }
  void write(const sampling::Site& site) noexcept;

 private:
  struct Failure {
    const char* reason;
    std::uint64_t location;
  };
  std::uint64_t locationOf(std::uintptr_t returnAddress) noexcept;
  std::uint64_t locationOfFailure(const char* reason) noexcept;
  void writeSample(const sampling::Site& site, std::size_t frames) noexcept;
  void writeStackRow(const sampling::Site& site) noexcept;

  DumpContext& dump_;
  const MappingTable& mappings_;
  Columns& stacks_;
  LocationTable locations_;
  std::uint64_t bytes_, kind_;
  std::uint64_t kindNames_[kKinds] = {};
  Failure failures_[kMaxFailures] = {};
  std::size_t failureCount_ = 0;
  std::uint64_t lastFunction_ = 0;
  std::uint64_t samples_ = 0;
  std::uint64_t ids_[sampling::kMaxFrames + 1] = {};
};

std::uint64_t SiteWriter::locationOf(std::uintptr_t returnAddress) noexcept {
  // Minus one: inside the call instruction, so that the line is the call's and not the next one's.
  const std::uintptr_t address = returnAddress - 1;
  bool fresh = false;
  const std::uint64_t id = locations_.intern(address, &fresh);
  if (fresh) {
    unsigned char buffer[64];
    Message location(buffer, sizeof buffer);
    location.uint64(1, id);
    location.uint64(2, mappings_.find(address));
    location.uint64(3, address);
    dump_.writer.bytes(kLocation, location.data(), location.size());
  }
  return id;
}

// A stack that could not be taken stays visible: one location without an address whose function says why.
std::uint64_t SiteWriter::locationOfFailure(const char* reason) noexcept {
  for (std::size_t i = 0; i < failureCount_; ++i) {
    if (std::strcmp(failures_[i].reason, reason) == 0) {
      return failures_[i].location;
    }
  }
  char name[160];
  Text text(name, sizeof name);
  // The sampler may hand over the reason alone or already in brackets.
  if (startsWith(reason, "[unwind failed")) {
    text.add(reason);
  } else {
    text.add("[unwind failed: ").add(reason).add("]");
  }
  const std::uint64_t nameIndex = dump_.strings.add(name);
  unsigned char buffer[64];
  Message function(buffer, sizeof buffer);
  function.uint64(1, ++lastFunction_);
  function.uint64(2, nameIndex);
  function.uint64(3, nameIndex);
  dump_.writer.bytes(kFunction, function.data(), function.size());
  unsigned char lineBuffer[16];
  Message line(lineBuffer, sizeof lineBuffer);
  line.uint64(1, lastFunction_);
  Message location(buffer, sizeof buffer);
  const std::uint64_t id = locations_.takeId();
  location.uint64(1, id);
  location.message(4, line);
  dump_.writer.bytes(kLocation, location.data(), location.size());
  if (failureCount_ < kMaxFailures) {
    failures_[failureCount_++] = Failure{reason, id};
  }
  return id;
}

void SiteWriter::write(const sampling::Site& site) noexcept {
  std::size_t frames = 0;
  for (std::size_t i = 0; i < site.frameCount && i < sampling::kMaxFrames; ++i) {
    if (site.frames[i] != 0) {
      ids_[frames++] = locationOf(site.frames[i]);
    }
  }
  if (site.failure != nullptr) {
    ids_[frames++] = locationOfFailure(site.failure);
  } else if (frames == 0) {
    ids_[frames++] = locationOfFailure("no frames");
  }
  writeSample(site, frames);
  writeStackRow(site);
  ++samples_;
}

void SiteWriter::writeSample(const sampling::Site& site, std::size_t frames) noexcept {
  const std::size_t kind =
      static_cast<std::size_t>(site.kind) < kKinds ? static_cast<std::size_t>(site.kind) : 0;
  if (kindNames_[kind] == 0) {
    kindNames_[kind] = dump_.strings.add(kKindNames[kind]);
  }
  const std::int64_t values[kValues] = {asCount(site.allocObjects),  asCount(site.allocBytes),
                                        asCount(site.liveObjects),   asCount(site.liveBytes),
                                        asCount(site.liveRequested), asCount(site.peakBytes)};
  std::size_t idBytes = 0;
  for (std::size_t i = 0; i < frames; ++i) {
    idBytes += wire::varintSize(ids_[i]);
  }
  unsigned char tailBuffer[160];
  Message tail(tailBuffer, sizeof tailBuffer);
  {
    unsigned char valueBuffer[kValues * 10];
    wire::Chunk packed(valueBuffer, sizeof valueBuffer);
    for (const std::int64_t value : values) {
      packed.appendVarint(static_cast<std::uint64_t>(value));
    }
    tail.bytes(2, packed.data(), packed.size());
  }
  unsigned char labelBuffer[40];
  Message label(labelBuffer, sizeof labelBuffer);
  label.uint64(1, bytes_);
  label.uint64(3, site.allocatedSize);
  label.uint64(4, bytes_);
  tail.message(3, label);
  label.clear();
  label.uint64(1, kind_);
  label.uint64(2, kindNames_[kind]);
  tail.message(3, label);
  wire::Writer& writer = dump_.writer;
  writer.beginNested(kSample, wire::tagSize(1) + wire::varintSize(idBytes) + idBytes + tail.size());
  writer.beginNested(1, idBytes);
  for (std::size_t i = 0; i < frames; ++i) {
    writer.rawVarint(ids_[i]);
  }
  writer.raw(tail.data(), tail.size());
}

void SiteWriter::writeStackRow(const sampling::Site& site) noexcept {
  const auto sinceStart = [this](std::uint64_t monotonic) {
    const std::uint64_t start = dump_.times.startMonotonic;
    return monotonic > start ? monotonic - start : 0;
  };
  stacks_.put(kId, site.id);
  stacks_.put(kSampleIndex, samples_);
  stacks_.put(kRawAllocations, site.rawAllocations);
  stacks_.put(kRawFrees, site.rawFrees);
  stacks_.put(kRawLive, site.rawLive);
  stacks_.putDouble(kVarianceInuse, site.varianceLive > 0 ? site.varianceLive : 0);
  stacks_.putDouble(kVarianceAlloc, site.varianceAlloc > 0 ? site.varianceAlloc : 0);
  stacks_.put(kPeakBytes, static_cast<std::uint64_t>(asCount(site.ownPeakBytes)));
  stacks_.put(kFirstSeen, sinceStart(site.firstSeenNanos));
  stacks_.put(kLastSeen, sinceStart(site.lastSeenNanos));
  for (std::size_t i = 0; i < sampling::kLifetimeBuckets; ++i) {
    stacks_.put(kLifetime, site.lifetime != nullptr ? site.lifetime[i] : 0);
  }
  stacks_.put(kAllocatedBytes, site.allocatedSize);
  stacks_.put(kKind, static_cast<std::uint64_t>(site.kind));
  stacks_.endRow();
}

void writeValueType(DumpContext& dump, std::uint32_t field, std::uint64_t type, std::uint64_t unit) noexcept {
  unsigned char buffer[32];
  Message message(buffer, sizeof buffer);
  message.uint64(1, type);
  message.uint64(2, unit);
  dump.writer.bytes(field, message.data(), message.size());
}

void writeTypes(DumpContext& dump) noexcept {
  const std::uint64_t count = dump.strings.add("count");
  const std::uint64_t bytes = dump.strings.add("bytes");
  struct Type {
    const char* name;
    std::uint64_t unit;
  };
  const Type types[kValues] = {{"alloc_objects", count}, {"alloc_space", bytes},     {"inuse_objects", count},
                               {"inuse_space", bytes},   {"inuse_requested", bytes}, {"peak_space", bytes}};
  std::uint64_t defaultType = 0;
  for (const Type& type : types) {
    const std::uint64_t name = dump.strings.add(type.name);
    writeValueType(dump, kSampleType, name, type.unit);
    if (std::strcmp(type.name, "inuse_space") == 0) {
      defaultType = name;
    }
  }
  writeValueType(dump, kPeriodType, dump.strings.add("space"), bytes);
  dump.writer.uint64(kPeriod, sampling::intervalBytes());
  dump.writer.uint64(kDefaultSampleType, defaultType);
  dump.writer.uint64(kTimeNanos, dump.times.dumpReal);
  dump.writer.uint64(kDurationNanos, dump.times.dumpMonotonic - dump.times.startMonotonic);
  dump.writer.uint64(kDropFrames, dump.strings.add(kOwnFrames));
}

void writeComments(DumpContext& dump) noexcept {
  char line[160];
  Text text(line, sizeof line);
  std::uint64_t indices[2];
  const std::uint64_t interval = sampling::intervalBytes();
  if (interval == 0) {
    text.add("heapprof: sampling is off; pages and size classes are complete");
  } else if (interval == 1) {
    text.add("heapprof: every allocation was recorded");
  } else {
    text.add("heapprof: one sample in ").size(interval).add(" allocated on average; values are scaled up");
  }
  indices[0] = dump.strings.add(line);
  indices[1] = dump.strings.add("open with: heapprof summary FILE, heapprof-gui FILE, or go tool pprof FILE");
  unsigned char buffer[32];
  wire::Chunk packed(buffer, sizeof buffer);
  for (const std::uint64_t index : indices) {
    packed.appendVarint(index);
  }
  dump.writer.bytes(kComment, packed.data(), packed.size());
}

void writeMappings(DumpContext& dump, const MappingTable& mappings) noexcept {
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const MappingRow& row = mappings.inOrderOfId(i);
    const std::uint64_t name = dump.strings.add(row.name);
    const std::uint64_t buildId = dump.strings.add(row.buildId);
    unsigned char buffer[80];
    Message mapping(buffer, sizeof buffer);
    mapping.uint64(1, row.id);
    mapping.uint64(2, row.start);
    mapping.uint64(3, row.limit);
    mapping.uint64(4, row.offset);
    mapping.uint64(5, name);
    mapping.uint64(6, buildId);
    dump.writer.bytes(kMapping, mapping.data(), mapping.size());
  }
}

}  // namespace

bool writeProfilePart(DumpContext& dump) noexcept {
  MappingTable mappings;
  mappings.load(
      dump.memory);  // without it locations have no mapping: still valid, and `heapprof info` says so
  writeTypes(dump);
  writeComments(dump);
  writeMappings(dump, mappings);
  const ColumnSpec specs[] = {{kId, Coding::kVarint},
                              {kSampleIndex, Coding::kVarint},
                              {kRawAllocations, Coding::kVarint},
                              {kRawFrees, Coding::kVarint},
                              {kRawLive, Coding::kVarint},
                              {kVarianceInuse, Coding::kDouble},
                              {kVarianceAlloc, Coding::kDouble},
                              {kPeakBytes, Coding::kVarint},
                              {kFirstSeen, Coding::kVarint},
                              {kLastSeen, Coding::kVarint},
                              {kLifetime, Coding::kVarint, sampling::kLifetimeBuckets},
                              {kAllocatedBytes, Coding::kVarint},
                              {kKind, Coding::kVarint}};
  Columns stacks(dump.writer, dump.memory, kStacks, specs, sizeof specs / sizeof specs[0],
                 kStackRowsPerChunk);
  auto* place = dump.memory.take(sizeof(SiteWriter));
  if (!stacks.valid() || place == nullptr) {
    return false;
  }
  auto* sites = new (place) SiteWriter(dump, mappings, stacks);
  sampling::forEachSite(
      [](void* context, const sampling::Site& site) { static_cast<SiteWriter*>(context)->write(site); },
      sites);
  stacks.finish();
  return true;
}

}  // namespace heapprof::introspect

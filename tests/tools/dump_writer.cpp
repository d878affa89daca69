#include "tests/tools/dump_writer.h"

#include <algorithm>
#include <cmath>

namespace heapprof::tools {
namespace {

constexpr std::uint64_t kStartNanos =
    1735689600000000000;  // 2025-01-01, so that the same plan gives the same bytes
constexpr std::uint64_t kRunNanos = 3600000000000;
constexpr std::uint64_t kCumulativePerLive = 7;

const char* kindName(std::uint64_t kind) {
  constexpr const char* kNames[] = {"unknown", "malloc", "calloc", "realloc", "memalign", "new", "new[]"};
  return kNames[kind];
}

}  // namespace

void appendVarint(std::string* out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    out->push_back(static_cast<char>(value | 0x80));
  }
  out->push_back(static_cast<char>(value));
}

void appendFixed64(std::string* out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) {
    out->push_back(static_cast<char>(value >> (8 * i)));
  }
}

Message& Message::always(std::uint32_t field, std::uint64_t value) {
  appendVarint(&content_, field << 3 | static_cast<std::uint32_t>(wire::WireType::kVarint));
  appendVarint(&content_, value);
  return *this;
}

Message& Message::number(std::uint32_t field, std::uint64_t value) {
  return value == 0 ? *this : always(field, value);
}

Message& Message::fixed(std::uint32_t field, std::uint64_t value) {
  appendVarint(&content_, field << 3 | static_cast<std::uint32_t>(wire::WireType::kFixed64));
  appendFixed64(&content_, value);
  return *this;
}

Message& Message::bytes(std::uint32_t field, const std::string& content) {
  appendVarint(&content_, field << 3 | static_cast<std::uint32_t>(wire::WireType::kBytes));
  appendVarint(&content_, content.size());
  content_ += content;
  return *this;
}

Message& Message::packed(std::uint32_t field, const std::vector<std::uint64_t>& values) {
  std::string column;
  for (const std::uint64_t value : values) {
    appendVarint(&column, value);
  }
  return values.empty() ? *this : bytes(field, column);
}

std::string Columns::take() {
  Message message;
  for (auto& [field, column] : columns_) {
    if (!column.empty()) {
      message.bytes(field, column);
      column.clear();
    }
  }
  return message.content();
}

std::uint64_t StringTable::index(const std::string& text) {
  const auto [found, isNew] = known_.try_emplace(text, all_.size());
  if (isNew) {
    all_.push_back(text);
  }
  return found->second;
}

DumpWriter::DumpWriter(const DumpPlan& plan, wire::Writer& out)
    : plan_(plan), out_(out), heap_(plan), code_(plan) {
  planSites();
}

// Sites share out the live objects of the classes: few hold many, most hold one or two.
void DumpWriter::planSites() {
  Random random(plan_.seed * 3);
  const std::uint64_t wanted = plan_.live != 0 ? plan_.live : plan_.samples;
  const std::uint64_t perSite = plan_.samples == 0 ? 0 : std::max<std::uint64_t>(1, wanted / plan_.samples);
  std::vector<std::uint64_t> given(heap_.classes().size(), 0);
  for (std::uint64_t i = 0; i < plan_.samples; ++i) {
    Site site;
    site.stack = i < code_.stacks() ? i : random.below(code_.stacks());
    site.kind = 1 + random.below(6);
    std::uint64_t left = 0;
    for (int tries = 0; tries < 16 && left == 0; ++tries) {  // large objects are few and soon given out
      site.ofClass = random.below(heap_.classes().size());
      left = heap_.classes()[site.ofClass].live - given[site.ofClass];
    }
    site.live =
        std::min({left, wanted - liveSamples_, random.below(2 * perSite + 1) + (i % 97 == 0 ? perSite : 0)});
    site.firstLive = given[site.ofClass];
    site.allocations = site.live + random.skewed(kCumulativePerLive * (1 + site.live));
    given[site.ofClass] += site.live;
    liveSamples_ += site.live;
    sites_.push_back(site);
  }
  // The interval at which so many samples would have been drawn from so many bytes.
  intervalBytes_ = std::max(1.0, static_cast<double>(heap_.totals().liveBytes) /
                                     static_cast<double>(std::max<std::uint64_t>(1, liveSamples_)));
}

std::uint64_t DumpWriter::requestedOf(const Site& site) const {
  const std::uint64_t size = heap_.classes()[site.ofClass].objectBytes;
  return size - std::min(size / 8, site.stack % 16);
}

double DumpWriter::weightOf(std::uint64_t objectBytes) const {
  return 1 / -std::expm1(-static_cast<double>(objectBytes) / intervalBytes_);
}

void DumpWriter::writeSamples() {
  const std::uint64_t bytesKey = strings_.index("bytes");
  const std::uint64_t requestKey = strings_.index("request");
  const std::uint64_t kindKey = strings_.index("kind");
  std::vector<std::uint64_t> stack;
  Message sample, label;
  for (const Site& site : sites_) {
    const std::uint64_t size = heap_.classes()[site.ofClass].objectBytes;
    const double weight = weightOf(size);
    const auto objects = [&](std::uint64_t raw) {
      return static_cast<std::uint64_t>(std::llround(static_cast<double>(raw) * weight));
    };
    code_.stack(site.stack, &stack);
    sample.clear();
    sample.packed(1, stack);
    const std::uint64_t alloc = objects(site.allocations), inuse = objects(site.live);
    sample.packed(2, {alloc, alloc * size, inuse, inuse * size, inuse * requestedOf(site), inuse * size});
    label.clear();
    sample.bytes(3, label.number(1, bytesKey).number(3, size).number(4, bytesKey).content());
    label.clear();
    sample.bytes(3, label.number(1, requestKey).number(3, requestedOf(site)).number(4, bytesKey).content());
    label.clear();
    sample.bytes(3, label.number(1, kindKey).number(2, strings_.index(kindName(site.kind))).content());
    out_.bytes(2, sample.content().data(), sample.content().size());
  }
}

void DumpWriter::writeSymbols() {
  std::uint64_t id = 0;
  for (const MadeMapping& mapping : code_.mappings()) {
    Message row;
    row.number(1, ++id).number(2, mapping.start).number(3, mapping.limit).number(4, mapping.offset);
    row.number(5, strings_.index(mapping.file)).number(6, strings_.index(mapping.buildId));
    row.number(7, 1).number(8, 1).number(9, 1).number(10, 1);
    out_.bytes(3, row.content().data(), row.content().size());
  }
  id = 0;
  for (const MadeLocation& location : code_.locations()) {
    Message row, line;
    row.number(1, ++id).number(2, location.mapping + 1).number(3, location.address);
    row.bytes(4, line.number(1, location.function + 1).number(2, location.line).content());
    if (location.inlinedInto != 0) {
      line.clear();
      const std::uint64_t callerLine = code_.functions()[location.inlinedInto - 1].startLine + 7;
      row.bytes(4, line.number(1, location.inlinedInto).number(2, callerLine).content());
    }
    out_.bytes(4, row.content().data(), row.content().size());
  }
  id = 0;
  for (const MadeFunction& function : code_.functions()) {
    const std::uint64_t name = strings_.index(function.name);
    Message row;
    row.number(1, ++id).number(2, name).number(3, name).number(4, strings_.index(function.file));
    row.number(5, function.startLine);
    out_.bytes(5, row.content().data(), row.content().size());
  }
}

void DumpWriter::writeStringTable() {
  for (const std::string& text : strings_.all()) {
    out_.bytes(6, text.data(), text.size());
  }
}

void DumpWriter::write() {
  constexpr const char* kTypes[][2] = {{"alloc_objects", "count"},   {"alloc_space", "bytes"},
                                       {"inuse_objects", "count"},   {"inuse_space", "bytes"},
                                       {"inuse_requested", "bytes"}, {"peak_space", "bytes"}};
  for (const auto& [type, unit] : kTypes) {
    Message row;
    row.number(1, strings_.index(type)).number(2, strings_.index(unit));
    out_.bytes(1, row.content().data(), row.content().size());
  }
  writeSamples();
  writeSymbols();
  out_.uint64(7, strings_.index("^(malloc|calloc|realloc|operator new).*$"));
  out_.uint64(9, kStartNanos + kRunNanos + plan_.second * 1000000000);
  out_.uint64(10, kRunNanos + plan_.second * 1000000000);
  Message period;
  period.number(1, strings_.index("space")).number(2, strings_.index("bytes"));
  out_.bytes(11, period.content().data(), period.content().size());
  out_.uint64(12, static_cast<std::uint64_t>(intervalBytes_));
  out_.uint64(13, strings_.index("generated by make_dump: not from a real program"));
  out_.uint64(14, strings_.index("inuse_space"));
  writeStringTable();
  writeHeader();
  writeTotals();
  writeSizeClasses();
  writeExtents();
  writeHugePages();
  writeLiveSamples();
  writeStacks();
  writeThreads();
  writeTimeline();
  writePurges();
  writeSnapshotStrings();
  out_.flush();
}

}  // namespace heapprof::tools

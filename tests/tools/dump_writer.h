// Puts a made-up dump together from the wire layer alone, as the runtime does: rows are streamed, columns go
// out in chunks of at most kChunkRows rows. Invariant: nothing but the plan decides the bytes. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "formats/wire/writer.h"
#include "tests/tools/call_tree.h"
#include "tests/tools/dump_plan.h"
#include "tests/tools/heap_layout.h"

namespace heapprof::tools {

inline constexpr std::uint64_t kChunkRows = 4096;
inline constexpr std::uint32_t kSnapshotField = 1000;

// One message under construction.
class Message {
 public:
  Message& number(std::uint32_t field, std::uint64_t value);  // proto3: nothing for 0
  Message& always(std::uint32_t field, std::uint64_t value);  // `optional` fields
  Message& fixed(std::uint32_t field, std::uint64_t value);
  Message& bytes(std::uint32_t field, const std::string& content);  // strings, packed columns, messages
  Message& packed(std::uint32_t field, const std::vector<std::uint64_t>& values);
  const std::string& content() const { return content_; }
  void clear() { content_.clear(); }

 private:
  std::string content_;
};

void appendVarint(std::string* out, std::uint64_t value);
void appendFixed64(std::string* out, std::uint64_t value);

// The columns of one chunk of a column message; take() gives the message and starts the next chunk.
class Columns {
 public:
  void put(std::uint32_t field, std::uint64_t value) { appendVarint(&columns_[field], value); }
  void putFixed(std::uint32_t field, std::uint64_t value) { appendFixed64(&columns_[field], value); }
  std::string take();

 private:
  std::map<std::uint32_t, std::string> columns_;
};

class StringTable {
 public:
  StringTable() { index(""); }
  std::uint64_t index(const std::string& text);
  const std::vector<std::string>& all() const { return all_; }

 private:
  std::map<std::string, std::uint64_t> known_;
  std::vector<std::string> all_;
};

// One sampled site: a stack with one object size.
struct Site {
  std::uint64_t stack = 0;
  std::uint64_t ofClass = 0;  // row of HeapLayout::classes()
  std::uint64_t kind = 1;
  std::uint64_t allocations = 0;  // raw counts
  std::uint64_t live = 0;
  std::uint64_t firstLive = 0;  // its live objects are [firstLive, firstLive + live) of the class
};

class DumpWriter {
 public:
  DumpWriter(const DumpPlan& plan, wire::Writer& out);
  void write();

 private:
  void planSites();
  std::uint64_t requestedOf(const Site& site) const;
  double weightOf(std::uint64_t objectBytes) const;  // objects that one sample stands for

  void writeSamples();
  void writeSymbols();
  void writeStringTable();
  void writeHeader();
  void writeTotals();
  void writeSizeClasses();
  void writeExtents();
  void writeHugePages();
  void writeLiveSamples();
  void writeStacks();
  void writeThreads();
  void writeTimeline();
  void writePurges();
  void writeSnapshotStrings();
  // Calls row(i, columns) for each row and sends a chunk of field `field` whenever kChunkRows rows are full.
  void inChunks(std::uint32_t field, std::uint64_t rows,
                const std::function<void(std::uint64_t, Columns&)>& row);
  void snapshotPart(std::uint32_t field, const std::string& message);

  const DumpPlan& plan_;
  wire::Writer& out_;
  HeapLayout heap_;
  CallTree code_;
  StringTable strings_;
  StringTable snapshotStrings_;
  std::vector<Site> sites_;
  std::uint64_t liveSamples_ = 0;
  double intervalBytes_ = 0;
};

}  // namespace heapprof::tools

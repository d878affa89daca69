// The small parts: text, names, locations, columns in chunks, and files of /proc read line by line.
#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <unistd.h>

#include "formats/proto/profile.pb.h"
#include "runtime/base/random.h"
#include "runtime/introspect/build_id.h"
#include "runtime/introspect/columns.h"
#include "runtime/introspect/dump_name.h"
#include "runtime/introspect/line_reader.h"
#include "runtime/introspect/location_table.h"
#include "runtime/introspect/strings.h"
#include "tests/runtime/introspect/support.h"

namespace heapprof::introspect {
namespace {

constinit DumpMemory memory;

class Memory {
 public:
  Memory() { memory.begin(); }
  ~Memory() { memory.end(); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
};

TEST(Text, IsCutAndSaysSo) {
  char buffer[8];
  Text text(buffer, sizeof buffer);
  text.add("abc").decimal(12345).add("x");
  EXPECT_STREQ(text.c_str(), "abc1234");
  EXPECT_TRUE(text.truncated());
  text.clear();
  EXPECT_STREQ(text.hex(0xbeef).c_str(), "beef");
  EXPECT_FALSE(text.truncated());
  text.clear();
  EXPECT_STREQ(text.size(65536).c_str(), "64 KiB");
}

std::string expand(const char* pattern, std::uint64_t number) {
  char buffer[64];
  Text text(buffer, sizeof buffer);
  const NameParts parts{"prog", "box", 42, 1700000000};
  return expandName(pattern, parts, number, &text) ? text.c_str() : "(does not fit)";
}

TEST(DumpName, FillsInEveryPart) {
  EXPECT_EQ(expand("heapprof.%e.%p.%n.pb.gz", 3), "heapprof.prog.42.3.pb.gz");
  EXPECT_EQ(expand("/d/%h/%t-%n%%", 1), "/d/box/1700000000-1%");
  EXPECT_EQ(expand("%x%", 1), "%x%");
}

TEST(DumpName, WithoutANumberGetsOneFromTheSecondOn) {
  EXPECT_EQ(expand("a.pb.gz", 1), "a.pb.gz");
  EXPECT_EQ(expand("a.pb.gz", 2), "a.2.pb.gz");
  EXPECT_EQ(expand("a", 12), "a.12");
}

TEST(DumpName, ThatDoesNotFitIsRefused) {
  EXPECT_EQ(expand(std::string(80, 'a').c_str(), 1), "(does not fit)");
}

TEST(LocationTable, GivesEachAddressOneIdThroughEveryGrowth) {
  const Memory held;
  LocationTable table(memory);
  base::Random random(5);
  std::map<std::uintptr_t, std::uint64_t> oracle;
  for (int i = 0; i < 100000; ++i) {
    const std::uintptr_t address = 0x400000 + random.next() % 40000 * 5;
    bool fresh = false;
    const std::uint64_t id = table.intern(address, &fresh);
    const auto known = oracle.emplace(address, oracle.size() + 1);
    ASSERT_EQ(fresh, known.second);
    ASSERT_EQ(id, known.first->second);
  }
  EXPECT_EQ(table.takeId(), oracle.size() + 1);
}

bool appendTo(void* context, const void* data, std::size_t size) {
  static_cast<std::string*>(context)->append(static_cast<const char*>(data), size);
  return true;
}

TEST(Columns, ChunksMergeIntoTheRowsThatWentIn) {
  const Memory held;
  std::string bytes;
  unsigned char buffer[256];
  wire::Writer writer(wire::Sink{appendTo, &bytes}, buffer, sizeof buffer);
  const ColumnSpec specs[] = {
      {1, Coding::kVarint}, {2, Coding::kFixed64, 3}, {7, Coding::kVarint, 1, false}, {10, Coding::kVarint}};
  Columns columns(writer, memory, 5, specs, 4, 100);  // huge_pages
  ASSERT_TRUE(columns.valid());
  for (std::uint64_t row = 0; row < 250; ++row) {
    EXPECT_EQ(columns.atChunkStart(), row % 100 == 0);
    columns.put(1, row << 50);
    for (std::uint64_t k = 0; k < 3; ++k) columns.put(2, row * 3 + k);
    columns.put(7, 99);  // a column that is not present
    columns.put(10, row);
    columns.endRow();
  }
  columns.finish();
  ASSERT_TRUE(writer.flush());
  pprof::Profile profile;
  ASSERT_TRUE(profile.ParseFromString(bytes));
  const auto& pages = profile.heap_snapshot().huge_pages();
  ASSERT_EQ(pages.index_delta_size(), 250);
  ASSERT_EQ(pages.used_granules_size(), 750);
  ASSERT_EQ(pages.live_bytes_size(), 250);
  EXPECT_EQ(pages.age_nanos_size(), 0);
  for (int row = 0; row < 250; ++row) {
    EXPECT_EQ(pages.index_delta(row), static_cast<std::uint64_t>(row) << 50);
    EXPECT_EQ(pages.used_granules(3 * row + 2), static_cast<std::uint64_t>(3 * row + 2));
    EXPECT_EQ(pages.live_bytes(row), static_cast<std::uint64_t>(row));
  }
}

TEST(LineReader, GivesEveryLineWhateverTheBuffer) {
  const tests::Scratch scratch;
  const std::string path = scratch.path("lines");
  std::ofstream(path) << "one\n\nthree three\nlast without end";
  for (std::size_t capacity = 18; capacity < 60; ++capacity) {
    std::string buffer(capacity, '\0');
    LineReader lines(path.c_str(), buffer.data(), capacity);
    std::string joined;
    while (const char* line = lines.next()) joined += std::string("[") + line + "]";
    EXPECT_EQ(joined, "[one][][three three][last without end]") << capacity;
  }
}

TEST(ReadOwnMemory, AnUnmappedPageIsAnErrorAndNotAFault) {
  int value = 42;
  int copy = 0;
  EXPECT_TRUE(readOwnMemory(reinterpret_cast<std::uintptr_t>(&value), &copy, sizeof copy));
  EXPECT_EQ(copy, 42);
  EXPECT_FALSE(readOwnMemory(8, &copy, sizeof copy));
}

TEST(ProfileStrings, WhatIsNotUtf8IsMadeSo) {
  std::string bytes;
  unsigned char buffer[64];
  wire::Writer writer(wire::Sink{appendTo, &bytes}, buffer, sizeof buffer);
  ProfileStrings strings(writer);
  EXPECT_EQ(strings.add("caf\xc3\xa9"), 1u);
  EXPECT_EQ(strings.add("bad\xff\xc3/x"), 2u);
  EXPECT_EQ(strings.add(""), 0u);
  ASSERT_TRUE(writer.flush());
  pprof::Profile profile;
  ASSERT_TRUE(profile.ParseFromString(bytes));
  EXPECT_EQ(profile.string_table(1), "caf\xc3\xa9");
  EXPECT_EQ(profile.string_table(2),
            "bad?"
            "?/x");
}

}  // namespace
}  // namespace heapprof::introspect

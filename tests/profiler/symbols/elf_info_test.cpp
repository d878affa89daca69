#include "profiler/symbols/elf_info.h"

#include <cstdio>
#include <elf.h>
#include <fstream>
#include <gtest/gtest.h>

namespace heapprof::symbols {
namespace {

const std::string kFixtures = SYMBOL_FIXTURES;

TEST(ElfInfo, TellsKindLoaderAndNeeds) {
  const auto info = readElfInfo(kFixtures + "/fixture_dwarf5");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_TRUE(info->is64);
  EXPECT_EQ(info->type, ET_DYN);
  EXPECT_TRUE(info->hasDynamic);
  EXPECT_NE(info->interpreter.find("ld-linux"), std::string::npos);
  EXPECT_EQ(info->buildId.size(), 40u);
  EXPECT_NE(std::find(info->needed.begin(), info->needed.end(), "libc.so.6"), info->needed.end());
  const auto fixedAddress = readElfInfo(kFixtures + "/fixture_static_address");
  ASSERT_TRUE(fixedAddress.ok());
  EXPECT_EQ(fixedAddress->type, ET_EXEC);
  const auto without = readElfInfo(kFixtures + "/fixture_no_build_id");
  ASSERT_TRUE(without.ok());
  EXPECT_EQ(without->buildId, "");
}

TEST(ElfInfo, FindsDefinedFunctionsButNotImportedOnes) {
  constexpr const char* kNames[] = {"plainC", "fopen", "main", "onlyLocal"};
  const auto found = definedFunctions(kFixtures + "/fixture_dwarf5", kNames);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, (std::vector<std::string>{"plainC", "main"}));
}

TEST(ElfInfo, SaysWhatIsNoElfFile) {
  const std::string text = testing::TempDir() + "/not_elf";
  std::ofstream(text) << "#!/bin/sh\n";
  EXPECT_EQ(readElfInfo(text).status().message(), text + ": not an ELF file");
  EXPECT_EQ(readElfInfo(text + ".gone").status().message(), text + ".gone: no such file");
  EXPECT_TRUE(absl::IsNotFound(readElfInfo(text + ".gone").status()));
  std::remove(text.c_str());
}

TEST(ElfInfo, MapsAddressesOfSegmentsAndOfWholeModules) {
  ElfInfo info;
  info.segments = {{0, 0, 0x1000, 0x1000, false},
                   {0x1000, 0x2000, 0x5000, 0x5000, true},
                   {0x6000, 0x8000, 0x800, 0x1000, false}};
  // One row a segment: the text, at file offset 0x1000, whose addresses are 0x1000 higher than its offsets.
  EXPECT_EQ(*fileAddress(info, 0x7f0000001234, 0x7f0000001000, 0x7f0000006000, 0x1000), 0x2234u);
  // The whole module in one row: addresses count from the load address.
  EXPECT_EQ(*fileAddress(info, 0x7f0000002234, 0x7f0000000000, 0x7f0000019000, 0), 0x2234u);
  EXPECT_FALSE(fileAddress(info, 0x10, 0x7f0000000000, 0x7f0000019000, 0).ok());
  EXPECT_FALSE(fileAddress(info, 0x7f0000001234, 0x7f0000001000, 0x7f0000002000, 0x100000).ok());
}

}  // namespace
}  // namespace heapprof::symbols

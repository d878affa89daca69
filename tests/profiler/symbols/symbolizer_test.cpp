// The fixture prints run-time addresses with the functions and lines that it knows by itself; the symbolizer
// must say the same of them.
#include "profiler/symbols/symbolizer.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <sstream>
#include <unistd.h>

#include "formats/pprof/read_profile.h"
#include "profiler/symbols/elf_info.h"
#include "profiler/symbols/symbol_cache.h"

namespace heapprof::symbols {
namespace {

using formats::ProfileColumns;
using testing::HasSubstr;

const std::string kFixtures = SYMBOL_FIXTURES;

struct Recorded {
  ProfileColumns profile;
  std::vector<std::string> expected;  // by location: "name:line name:line", innermost first
};

formats::StringIndex intern(ProfileColumns* profile, const std::string& text) {
  profile->strings.push_back(text);
  return static_cast<formats::StringIndex>(profile->strings.size() - 1);
}

void addLocation(ProfileColumns* profile, std::uint64_t address, formats::Row mapping) {
  formats::LocationColumns& locations = profile->locations;
  locations.id.push_back(locations.size() + 1);
  locations.mapping.push_back(mapping);
  locations.address.push_back(address);
  locations.folded.push_back(0);
  locations.lineBegin.push_back(0);
}

// Runs the fixture and writes down what it says of itself.
Recorded record(const std::string& path) {
  Recorded result;
  std::FILE* output = popen(path.c_str(), "r");
  char buffer[1024];
  while (output != nullptr && std::fgets(buffer, sizeof buffer, output) != nullptr) {
    std::istringstream line(buffer);
    std::string kind;
    line >> kind;
    if (kind == "map") {
      formats::Mapping mapping;
      line >> std::hex >> mapping.start >> mapping.limit >> mapping.offset;
      mapping.id = result.profile.mappings.size() + 1;
      mapping.file = intern(&result.profile, path);
      const auto info = readElfInfo(path);
      mapping.buildId = info.ok() ? intern(&result.profile, info->buildId) : 0;
      result.profile.mappings.push_back(mapping);
    } else if (kind == "at") {
      std::uint64_t address = 0;
      std::string rest;
      line >> std::hex >> address >> std::ws;
      std::getline(line, rest);
      addLocation(&result.profile, address, 0);
      result.expected.push_back(rest);
    }
  }
  if (output != nullptr) pclose(output);
  EXPECT_EQ(result.profile.mappings.size(), 1u) << path;
  EXPECT_GE(result.expected.size(), 6u) << path;
  return result;
}

// "name:line name:line", with spaces in names as '_' and the compilers' different words for a lambda as one.
std::string said(const ProfileColumns& profile, std::size_t row, bool withLines = true) {
  std::string text;
  const formats::LocationColumns& locations = profile.locations;
  for (auto i = locations.lineBegin[row]; i < locations.lineBegin[row + 1]; ++i) {
    std::string name = profile.strings[profile.functions.name[locations.lineFunction[i]]];
    for (const char* lambda : {"{lambda(int*)#1}", "<lambda(int*)>", "'lambda'(int*)", "$_0"}) {
      if (const auto at = name.find(lambda); at != std::string::npos) {
        name.replace(at, std::string(lambda).size(), "{lambda}");
      }
    }
    std::replace(name.begin(), name.end(), ' ', '_');
    text += (text.empty() ? "" : " ") + name;
    if (withLines) text += ":" + std::to_string(locations.lineNumber[i]);
  }
  return text;
}

// What a symbol table can know of it: the outermost frame's name.
std::string outermostName(const std::string& expected) {
  const std::string last = expected.substr(expected.rfind(' ') + 1);
  return last.substr(0, last.rfind(':'));
}

class EveryKindOfDebugInformation : public testing::TestWithParam<std::string> {};

// A folder for names that goes with the test.
class ScratchFolder {
 public:
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_.string(); }

 private:
  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("heapprof-symbols." + std::to_string(::getpid()));
};

TEST_P(EveryKindOfDebugInformation, SaysTheSameFromTheCacheOnDisk) {
  const std::string path = kFixtures + "/" + GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "not built: its compiler is not installed";
  const ScratchFolder folder;
  const auto info = readElfInfo(path);
  ASSERT_TRUE(info.ok());
  for (const char* state : {"cold", "warm"}) {
    Recorded recorded = record(path);
    ResolveOptions options;
    options.cacheFolder = folder.path();
    std::vector<std::string> notes;
    ASSERT_TRUE(resolve(recorded.profile, options, &notes).ok());
    EXPECT_TRUE(notes.empty()) << notes.front();
    EXPECT_TRUE(recorded.profile.mappings[0].hasInlineFrames);
    for (std::size_t row = 0; row < recorded.expected.size(); ++row) {
      EXPECT_EQ(said(recorded.profile, row), recorded.expected[row]) << state;
    }
    EXPECT_EQ(std::filesystem::exists(folder.path() + "/" + info->buildId + ".pb.zst"),
              !info->buildId.empty());
  }
}

TEST(Cache, IsWhatIsAskedFirstAndOnlyForTheVeryFile) {
  const std::string path = kFixtures + "/fixture_dwarf5";
  const ScratchFolder folder;
  Recorded recorded = record(path);
  const auto info = readElfInfo(path);
  ASSERT_TRUE(info.ok());
  const formats::Mapping& mapping = recorded.profile.mappings[0];
  const auto inFile =
      fileAddress(*info, recorded.profile.locations.address[0], mapping.start, mapping.limit, mapping.offset);
  ASSERT_TRUE(inFile.ok());
  Frame planted;
  planted.name = planted.systemName = "from the cache";
  for (const bool sameFile : {false, true}) {
    SymbolCache cache(folder.path(), info->buildId, SymbolCache::stampOf(path) + (sameFile ? "" : "0"));
    cache.add(*inFile, {planted});
    cache.save();
    ProfileColumns profile = recorded.profile;
    ResolveOptions options;
    options.cacheFolder = folder.path();
    ASSERT_TRUE(resolve(profile, options, nullptr).ok());
    EXPECT_EQ(said(profile, 0, false) == "from_the_cache", sameFile);
    EXPECT_EQ(said(profile, 1), recorded.expected[1]);
    std::filesystem::remove_all(folder.path());
  }
}

TEST(Cache, KeepsNamesForADumpWithoutBuildIdsByTheFilesOwn) {
  const std::string path = kFixtures + "/fixture_dwarf5";
  const ScratchFolder folder;
  Recorded recorded = record(path);
  const auto info = readElfInfo(path);
  ASSERT_TRUE(info.ok());
  recorded.profile.mappings[0].buildId = 0;  // as in text heaps
  ResolveOptions options;
  options.cacheFolder = folder.path();
  for (const char* state : {"cold", "warm"}) {
    ProfileColumns profile = recorded.profile;
    ASSERT_TRUE(resolve(profile, options, nullptr).ok());
    EXPECT_EQ(said(profile, 0), recorded.expected[0]) << state;
    EXPECT_TRUE(std::filesystem::exists(folder.path() + "/" + info->buildId + ".pb.zst")) << state;
  }
}

TEST_P(EveryKindOfDebugInformation, NamesInlinedFramesAndLinesAsTheProgramKnowsThem) {
  const std::string path = kFixtures + "/" + GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "not built: its compiler is not installed";
  Recorded recorded = record(path);
  std::vector<std::string> notes;
  ASSERT_TRUE(resolve(recorded.profile, {}, &notes).ok());
  for (std::size_t row = 0; row < recorded.expected.size(); ++row) {
    EXPECT_EQ(said(recorded.profile, row), recorded.expected[row]);
  }
  EXPECT_THAT(notes, testing::IsEmpty());
  for (const formats::StringIndex file : recorded.profile.functions.file) {
    EXPECT_THAT(recorded.profile.strings[file], testing::EndsWith("/fixture.cpp"));
  }
  const formats::Mapping& mapping = recorded.profile.mappings[0];
  EXPECT_TRUE(mapping.hasFunctions && mapping.hasFilenames && mapping.hasLineNumbers &&
              mapping.hasInlineFrames);
}

INSTANTIATE_TEST_SUITE_P(Symbols, EveryKindOfDebugInformation,
                         testing::Values("fixture_dwarf5", "fixture_dwarf4", "fixture_static_address",
                                         "fixture_split", "fixture_compressed", "fixture_debuglink",
                                         "fixture_debug_folder", "fixture_no_build_id", "fixture_clang"),
                         [](const auto& instance) { return instance.param; });

TEST(Symbolizer, SymbolTableGivesNamesWithoutLinesAndSaysSo) {
  Recorded recorded = record(kFixtures + "/fixture_symtab");
  std::vector<std::string> notes;
  ASSERT_TRUE(resolve(recorded.profile, {}, &notes).ok());
  for (std::size_t row = 0; row < recorded.expected.size(); ++row) {
    EXPECT_EQ(said(recorded.profile, row, false), outermostName(recorded.expected[row]));
  }
  EXPECT_THAT(notes,
              testing::ElementsAre("fixture_symtab: no debug information, names from its symbol table"));
  EXPECT_TRUE(recorded.profile.mappings[0].hasFunctions);
  EXPECT_FALSE(recorded.profile.mappings[0].hasLineNumbers);
}

TEST(Symbolizer, ExportedNamesAreNotStretchedOverHiddenFunctions) {
  Recorded recorded = record(kFixtures + "/fixture_exported");
  std::vector<std::string> notes;
  ASSERT_TRUE(resolve(recorded.profile, {}, &notes).ok());
  std::map<std::string, std::string> by;
  for (std::size_t row = 0; row < recorded.expected.size(); ++row) {
    by[outermostName(recorded.expected[row])] = said(recorded.profile, row, false);
  }
  EXPECT_EQ(by["plainC"], "plainC");
  EXPECT_EQ(by["onlyLocal"], "");
  EXPECT_EQ(by["fixture::(anonymous_namespace)::hidden"], "");
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes[0], HasSubstr("stripped"));
}

TEST(Symbolizer, StrippedBinaryKeepsItsAddresses) {
  Recorded recorded = record(kFixtures + "/fixture_stripped");
  std::vector<std::string> notes;
  ASSERT_TRUE(resolve(recorded.profile, {}, &notes).ok());
  for (std::size_t row = 0; row < recorded.expected.size(); ++row) EXPECT_EQ(said(recorded.profile, row), "");
  EXPECT_FALSE(recorded.profile.mappings[0].hasFunctions);
  ASSERT_EQ(notes.size(), 1u);
}

TEST(Symbolizer, OtherBuildIdIsSaidAndNeverGuessedFrom) {
  Recorded recorded = record(kFixtures + "/fixture_dwarf5");
  recorded.profile.mappings[0].file = intern(&recorded.profile, kFixtures + "/fixture_dwarf4");
  std::vector<std::string> notes;
  ASSERT_TRUE(resolve(recorded.profile, {}, &notes).ok());
  for (std::size_t row = 0; row < recorded.expected.size(); ++row) EXPECT_EQ(said(recorded.profile, row), "");
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes[0], HasSubstr("fixture_dwarf4: build id differs: the dump has "));
}

TEST(Symbolizer, DeletedBinaryIsSaid) {
  Recorded recorded = record(kFixtures + "/fixture_dwarf5");
  recorded.profile.mappings[0].file = intern(&recorded.profile, kFixtures + "/fixture_gone");
  std::vector<std::string> notes;
  ASSERT_TRUE(resolve(recorded.profile, {}, &notes).ok());
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes[0], testing::StartsWith("fixture_gone: deleted since the dump"));
  EXPECT_EQ(recorded.profile.functions.size(), 0u);
}

TEST(Symbolizer, FileReplacedByTheSameBuildIsAccepted) {
  Recorded recorded = record(kFixtures + "/fixture_dwarf5");
  recorded.profile.mappings[0].file = intern(&recorded.profile, kFixtures + "/fixture_dwarf5 (deleted)");
  std::vector<std::string> notes;
  ASSERT_TRUE(resolve(recorded.profile, {}, &notes).ok());
  EXPECT_THAT(notes, testing::IsEmpty());
  EXPECT_EQ(said(recorded.profile, 0), recorded.expected[0]);
}

TEST(Symbolizer, WithoutBuildIdAYoungerFileIsNotTrusted) {
  Recorded recorded = record(kFixtures + "/fixture_no_build_id");
  recorded.profile.timeNanos = 1;  // the dump is of 1970
  std::vector<std::string> notes;
  ASSERT_TRUE(resolve(recorded.profile, {}, &notes).ok());
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes[0], HasSubstr("changed since the dump"));
  EXPECT_EQ(recorded.profile.functions.size(), 0u);
}

TEST(Symbolizer, SysrootHoldsTheBinariesOfAnotherHost) {
  Recorded recorded = record(kFixtures + "/fixture_dwarf5");
  const std::string root = testing::TempDir() + "symbols_sysroot";
  std::filesystem::create_directories(root + "/opt");
  std::filesystem::copy_file(kFixtures + "/fixture_dwarf5", root + "/opt/service",
                             std::filesystem::copy_options::overwrite_existing);
  recorded.profile.mappings[0].file = intern(&recorded.profile, "/opt/service");
  ResolveOptions options;
  options.sysroot = root;
  std::vector<std::string> notes;
  ASSERT_TRUE(resolve(recorded.profile, options, &notes).ok());
  EXPECT_THAT(notes, testing::IsEmpty());
  EXPECT_EQ(said(recorded.profile, 0), recorded.expected[0]);
  std::filesystem::remove_all(root);
}

TEST(Symbolizer, WholeModuleInOneMappingResolvesAlike) {
  Recorded recorded = record(kFixtures + "/fixture_dwarf5");
  formats::Mapping& mapping = recorded.profile.mappings[0];
  mapping.start -= mapping.offset;  // text follows the headers in memory as in the file
  mapping.offset = 0;
  mapping.limit += 0x10000;
  std::vector<std::string> notes;
  ASSERT_TRUE(resolve(recorded.profile, {}, &notes).ok());
  EXPECT_EQ(said(recorded.profile, 0), recorded.expected[0]);
}

TEST(Symbolizer, CodeWithoutAFileIsNamedForWhatItIs) {
  ProfileColumns profile;
  for (const char* file : {"[vdso]", "", "//anon", "/memfd:jit (deleted)"}) {
    formats::Mapping mapping;
    mapping.id = profile.mappings.size() + 1;
    mapping.start = 0x1000 * mapping.id;
    mapping.limit = mapping.start + 0x1000;
    mapping.file = *file == '\0' ? 0 : intern(&profile, file);
    profile.mappings.push_back(mapping);
    addLocation(&profile, mapping.start + 5, static_cast<formats::Row>(mapping.id - 1));
  }
  addLocation(&profile, 0x42, formats::kNoRow);
  std::vector<std::string> notes;
  ASSERT_TRUE(resolve(profile, {}, &notes).ok());
  EXPECT_EQ(said(profile, 0, false), "[vdso]");
  for (std::size_t row : {1, 2, 3})
    EXPECT_EQ(said(profile, row, false), "[anonymous_code:_JIT_or_generated]");
  EXPECT_EQ(said(profile, 4), "");
  EXPECT_EQ(profile.functions.size(), 2u);
  EXPECT_TRUE(notes.empty());
}

TEST(Symbolizer, LinesThatAreThereStayAndAreNotAskedAgain) {
  Recorded recorded = record(kFixtures + "/fixture_dwarf5");
  ASSERT_TRUE(resolve(recorded.profile, {}, nullptr).ok());
  const ProfileColumns once = recorded.profile;
  ResolveOptions options;
  options.progress = [](double) { return ADD_FAILURE() << "nothing was left to resolve", false; };
  ASSERT_TRUE(resolve(recorded.profile, options, nullptr).ok());
  EXPECT_EQ(recorded.profile.locations.lineFunction, once.locations.lineFunction);
  EXPECT_EQ(recorded.profile.functions.name, once.functions.name);
}

TEST(Symbolizer, CancellingLeavesTheLocationsAlone) {
  Recorded recorded = record(kFixtures + "/fixture_dwarf5");
  // Enough addresses that the first question comes while there is work left.
  for (int i = 0; i < 300000; ++i) addLocation(&recorded.profile, recorded.profile.locations.address[0], 0);
  ResolveOptions options;
  options.progress = [](double) { return false; };
  EXPECT_TRUE(absl::IsCancelled(resolve(recorded.profile, options, nullptr)));
  EXPECT_TRUE(recorded.profile.locations.lineFunction.empty());
}

TEST(Symbolizer, SameFunctionOfManyAddressesIsOneFunction) {
  Recorded recorded = record(kFixtures + "/fixture_dwarf5");
  for (std::size_t i = 0; i < recorded.expected.size(); ++i) {
    addLocation(&recorded.profile, recorded.profile.locations.address[i], 0);
  }
  ASSERT_TRUE(resolve(recorded.profile, {}, nullptr).ok());
  std::map<std::pair<formats::StringIndex, formats::StringIndex>, int> seen;
  for (std::size_t i = 0; i < recorded.profile.functions.size(); ++i) {
    ++seen[{recorded.profile.functions.name[i], recorded.profile.functions.file[i]}];
  }
  for (const auto& [key, count] : seen) EXPECT_EQ(count, 1) << recorded.profile.strings[key.first];
}

}  // namespace
}  // namespace heapprof::symbols

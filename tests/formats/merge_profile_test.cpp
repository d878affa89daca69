// Merging against sums taken by hand and by a slow oracle over named stacks.
#include "formats/pprof/merge_profile.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <unistd.h>

#include "absl/strings/str_cat.h"

#include "formats/pprof/merge_files.h"
#include "formats/pprof/read_profile.h"
#include "tests/formats/column_oracle.h"
#include "tests/formats/made_profiles.h"

namespace heapprof::formats {
namespace {

using heapprof::pprof::Profile;

ProfileColumns columnsOf(const Profile& profile) {
  const std::string bytes = profile.SerializeAsString();
  auto got = readProfileBytes(bytes.data(), bytes.size(), "x");
  EXPECT_TRUE(got.ok()) << got.status().message();
  return *std::move(got);
}

// Values by what a stack says in words, zeros left out: independent of ids, rows and order.
std::map<std::string, std::vector<std::int64_t>> valuesByStack(const ProfileColumns& p) {
  std::map<std::string, std::vector<std::int64_t>> values;
  const auto name = [&](StringIndex index) { return absl::StrCat(p.strings[index], "|"); };
  for (std::size_t i = 0; i < p.samples.size(); ++i) {
    std::string key;
    for (const Row location : p.samples.locationsOf(i)) {
      const Row mapping = p.locations.mapping[location];
      const std::uint64_t base = mapping == kNoRow ? 0 : p.mappings[mapping].start;
      absl::StrAppend(&key, p.locations.address[location] - base, "+", p.locations.folded[location], "@",
                      mapping == kNoRow ? "" : name(p.mappings[mapping].buildId), "(");
      for (std::uint64_t l = p.locations.lineBegin[location]; l < p.locations.lineBegin[location + 1]; ++l) {
        const Row function = p.locations.lineFunction[l];
        absl::StrAppend(&key, name(p.functions.name[function]), name(p.functions.systemName[function]),
                        name(p.functions.file[function]), p.functions.startLine[function], ":",
                        p.locations.lineNumber[l], ":", p.locations.lineColumn[l], ";");
      }
      key += ")";
    }
    // Words before numbers, each by key; several of one key as they came.
    std::vector<std::pair<std::string, std::string>> labels;
    for (std::uint64_t k = p.samples.labelBegin[i]; k < p.samples.labelBegin[i + 1]; ++k) {
      labels.emplace_back(
          (p.strings[p.samples.labels.str[k]].empty() ? "x" : "w") + name(p.samples.labels.key[k]),
          absl::StrCat(name(p.samples.labels.str[k]), p.samples.labels.num[k],
                       name(p.samples.labels.unit[k])));
    }
    std::stable_sort(labels.begin(), labels.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [labelKey, value] : labels) {
      absl::StrAppend(&key, "#", labelKey, value);
    }
    auto& sums = values[key];
    sums.resize(p.sampleTypes.size());
    for (std::size_t t = 0; t < sums.size(); ++t) {
      const auto value = static_cast<std::uint64_t>(p.samples.values[i * sums.size() + t]);
      sums[t] = static_cast<std::int64_t>(static_cast<std::uint64_t>(sums[t]) + value);
    }
  }
  std::erase_if(values, [](const auto& entry) {
    return std::all_of(entry.second.begin(), entry.second.end(),
                       [](std::int64_t value) { return value == 0; });
  });
  return values;
}

// The same program loaded at another address, with other ids in the file.
Profile elsewhere(const Profile& here) {
  constexpr std::uint64_t kSlide = 0x7f0000000000;
  Profile there = here;
  there.mutable_mapping(0)->set_memory_start(here.mapping(0).memory_start() + kSlide);
  there.mutable_mapping(0)->set_memory_limit(here.mapping(0).memory_limit() + kSlide);
  for (auto& location : *there.mutable_location()) {
    location.set_address(location.address() + kSlide);
    location.set_id(location.id() + 100);
  }
  for (auto& sample : *there.mutable_sample()) {
    for (auto& id : *sample.mutable_location_id()) {
      id += 100;
    }
  }
  return there;
}

TEST(MergeProfiles, OneProfileMergedIsItselfByStack) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const ProfileColumns profile = columnsOf(testing::randomProfile(seed));
    const auto merged = mergeProfiles({{&profile, 1}});
    ASSERT_TRUE(merged.ok()) << merged.status().message();
    ASSERT_TRUE(validate(*merged, "merged").ok()) << validate(*merged, "merged").message();
    EXPECT_EQ(valuesByStack(*merged), valuesByStack(profile)) << seed;
  }
}

TEST(MergeProfiles, AProfileLessItselfIsEmptyButForWhatItsSnapshotNames) {
  const ProfileColumns profile = columnsOf(testing::dumpLikeProfile());
  const auto nothing = mergeProfiles({{&profile, 1}, {&profile, -1}});
  ASSERT_TRUE(nothing.ok());
  EXPECT_TRUE(valuesByStack(*nothing).empty());
  EXPECT_EQ(nothing->samples.size(), 1u);  // the one that the snapshot's only stack refers to
  EXPECT_EQ(nothing->heapSnapshot.stacks().sample_index(0), 0u);
  const std::set<Row> used(nothing->samples.stacks.locations.begin(),
                           nothing->samples.stacks.locations.end());
  EXPECT_EQ(nothing->locations.size(), used.size()) << "locations that nothing uses";
  EXPECT_TRUE(validate(*nothing, "x").ok());
}

TEST(MergeProfiles, ALoadAddressDoesNotMatterButABuildIdDoes) {
  const Profile here = testing::dumpLikeProfile();
  Profile there = elsewhere(here);
  const ProfileColumns a = columnsOf(here), b = columnsOf(there);
  const auto merged = mergeProfiles({{&a, 1}, {&b, 2}});
  ASSERT_TRUE(merged.ok());
  EXPECT_EQ(merged->samples.size(), valuesByStack(a).size());
  EXPECT_EQ(merged->locations.size(), a.locations.size());
  for (const auto& [stack, values] : valuesByStack(a)) {
    EXPECT_EQ(valuesByStack(*merged).at(stack), (std::vector<std::int64_t>{3 * values[0], 3 * values[1]}));
  }
  there.set_string_table(6, "another build");
  const ProfileColumns other = columnsOf(there);
  const auto apart = mergeProfiles({{&a, 1}, {&other, 1}});
  ASSERT_TRUE(apart.ok());
  EXPECT_EQ(apart->locations.size(), 2 * a.locations.size());
  EXPECT_EQ(apart->mappings.size(), 2u);
}

TEST(MergeProfiles, OnlyCommonSampleTypesRemainAndNoneIsAnError) {
  const Profile whole = testing::dumpLikeProfile();
  Profile spaceOnly = whole;
  spaceOnly.mutable_sample_type()->DeleteSubrange(0, 1);
  for (auto& sample : *spaceOnly.mutable_sample()) {
    sample.mutable_value()->erase(sample.mutable_value()->begin());
  }
  const ProfileColumns a = columnsOf(whole), b = columnsOf(spaceOnly);
  const auto merged = mergeProfiles({{&a, 1}, {&b, 1}});
  ASSERT_TRUE(merged.ok());
  ASSERT_EQ(merged->sampleTypes.size(), 1u);
  EXPECT_EQ(merged->strings[merged->sampleTypes[0].type], "inuse_space");
  std::int64_t sum = 0;
  for (const std::int64_t value : merged->samples.values) {
    sum += value;
  }
  EXPECT_EQ(sum, 2 * 960);
  EXPECT_EQ(merged->strings[merged->defaultSampleType], "inuse_space");

  Profile foreign = spaceOnly;
  foreign.set_string_table(3, "cpu");
  const ProfileColumns c = columnsOf(foreign);
  EXPECT_FALSE(mergeProfiles({{&a, 1}, {&c, 1}}).ok());
  EXPECT_FALSE(mergeProfiles({}).ok());
}

TEST(MergeProfiles, TheOrderOfLabelsDoesNotMatterAndTheirWordsDo) {
  Profile one = testing::dumpLikeProfile();
  one.clear_heap_snapshot();
  auto* sample = one.mutable_sample(0);
  sample->clear_label();
  const auto addLabel = [&](int key, int word, int number) {
    auto* label = sample->add_label();
    label->set_key(key);
    label->set_str(word);
    label->set_num(number);
  };
  addLabel(1, 2, 0);
  addLabel(3, 0, 7);
  Profile turned = one;
  turned.mutable_sample(0)->mutable_label()->SwapElements(0, 1);
  Profile other = one;
  other.mutable_sample(0)->mutable_label(1)->set_num(8);
  const ProfileColumns a = columnsOf(one), b = columnsOf(turned), c = columnsOf(other);
  const auto same = mergeProfiles({{&a, 1}, {&b, 1}}), apart = mergeProfiles({{&a, 1}, {&c, 1}});
  ASSERT_TRUE(same.ok() && apart.ok());
  EXPECT_EQ(same->samples.size(), a.samples.size());
  EXPECT_EQ(apart->samples.size(), a.samples.size() + 1);
}

TEST(MergeProfiles, PeriodsOfDifferentKindsAreAnError) {
  const Profile one = testing::dumpLikeProfile();
  Profile other = one;
  other.clear_period_type();
  const ProfileColumns a = columnsOf(one), b = columnsOf(other);
  const auto merged = mergeProfiles({{&a, 1}, {&b, 1}});
  ASSERT_FALSE(merged.ok());
  EXPECT_NE(merged.status().message().find("periods are of different kinds"), absl::string_view::npos);
}

// pprof itself is the oracle: sums, differences, and what of the tables is left.
TEST(MergeProfiles, GoToolPprofMergesAndSubtractsTheSame) {
  Profile a = testing::dumpLikeProfile();
  a.clear_heap_snapshot();
  a.clear_drop_frames();  // pprof applies them as it reads
  a.clear_keep_frames();
  Profile b = elsewhere(a);
  b.set_time_nanos(a.time_nanos() - 1000);
  b.set_duration_nanos(a.duration_nanos() + 3);
  b.set_period(a.period() * 2);
  b.mutable_sample()->SwapElements(0, 3);
  b.mutable_sample(1)->set_value(0, b.sample(1).value(0) + 11);
  b.mutable_sample(2)->set_value(1, 77777);
  const std::string folder = ::testing::TempDir() + absl::StrCat("/merge.", getpid());
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const Profile& profile) {
    std::ofstream(folder + name, std::ios::binary) << testing::gzipped(profile.SerializeAsString());
    return folder + name;
  };
  const std::string fileA = write("/a.pb.gz", a), fileB = write("/b.pb.gz", b);
  const ProfileColumns columnsA = columnsOf(a), columnsB = columnsOf(b);
  for (const bool subtracts : {false, true}) {
    const std::string theirs = folder + "/theirs.pb.gz";
    const std::string command =
        absl::StrCat("PPROF_TMPDIR=", folder, " go tool pprof -proto -symbolize=none -output=", theirs,
                     subtracts ? " -base " : " ", subtracts ? fileB : fileA, " ", subtracts ? fileA : fileB,
                     " >", folder, "/log 2>&1");
    std::filesystem::remove(theirs);
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    const auto expected = readProfile(theirs);
    ASSERT_TRUE(expected.ok()) << expected.status().message();
    const auto merged = mergeProfiles({{&columnsA, 1}, {&columnsB, subtracts ? -1 : 1}});
    ASSERT_TRUE(merged.ok());
    EXPECT_FALSE(valuesByStack(*merged).empty());
    EXPECT_EQ(valuesByStack(*merged), valuesByStack(*expected));
    EXPECT_EQ(merged->samples.size(), expected->samples.size());
    EXPECT_EQ(merged->locations.size(), expected->locations.size());
    EXPECT_EQ(merged->functions.size(), expected->functions.size());
    EXPECT_EQ(merged->mappings.size(), expected->mappings.size());
    EXPECT_EQ(merged->timeNanos, expected->timeNanos);
    EXPECT_EQ(merged->durationNanos, expected->durationNanos);
    EXPECT_EQ(merged->period, expected->period);
    EXPECT_EQ(merged->comments.size(), expected->comments.size());
  }
  std::filesystem::remove_all(folder);
}

TEST(MergeProfiles, TheLastPositiveSnapshotIsKeptAndPointsToItsStacks) {
  Profile older = testing::dumpLikeProfile(), newer = older;
  newer.mutable_heap_snapshot()->mutable_header()->set_sequence(2);
  newer.mutable_heap_snapshot()->mutable_stacks()->set_sample_index(0, 4);
  // Samples in another order in the newer one.
  newer.mutable_sample()->SwapElements(0, 4);
  newer.mutable_heap_snapshot()->mutable_stacks()->set_sample_index(0, 0);
  newer.set_time_nanos(older.time_nanos() + 5);
  const ProfileColumns a = columnsOf(older), b = columnsOf(newer);
  const auto merged = mergeProfiles({{&b, 1}, {&a, -1}});
  ASSERT_TRUE(merged.ok());
  EXPECT_EQ(merged->heapSnapshot.header().sequence(), 2u);
  EXPECT_EQ(merged->timeNanos, older.time_nanos());
  const std::uint64_t row = merged->heapSnapshot.stacks().sample_index(0);
  ASSERT_LT(row, merged->samples.size());
  const Row leaf = merged->samples.locationsOf(row).front();
  const Row expected = b.samples.locationsOf(0).front();
  EXPECT_EQ(merged->locations.address[leaf], b.locations.address[expected]);
  const auto both = mergeProfiles({{&a, 1}, {&b, 1}});
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(both->heapSnapshot.header().sequence(), 2u);
}

// Of each stack by its addresses, what the snapshot says of errors, folded into one number; NaN: nothing.
std::map<std::string, double> variancesOf(const ProfileColumns& profile) {
  std::map<std::string, double> byStack;
  std::vector<double> of(profile.samples.size(), std::nan(""));
  const heapprof::Stacks& stacks = profile.heapSnapshot.stacks();
  for (int row = 0; row < stacks.variance_inuse_bytes_size(); ++row) {
    of[stacks.sample_index(row)] = stacks.variance_inuse_bytes(row) + 1e6 * stacks.variance_alloc_bytes(row);
  }
  for (std::size_t i = 0; i < profile.samples.size(); ++i) {
    std::string key;
    for (const Row location : profile.samples.locationsOf(i)) {
      absl::StrAppend(&key, profile.locations.address[location], " ");
    }
    byStack[key] += of[i];
  }
  return byStack;
}

// A dump each of whose stacks has its own variances and counts, the first `left` stacks left out.
Profile dumpWithErrors(double factor, int left) {
  Profile profile = testing::dumpLikeProfile();
  profile.mutable_sample()->SwapElements(3, 4);  // its first and last are one stack: now the last is not
  heapprof::Stacks& stacks = *profile.mutable_heap_snapshot()->mutable_stacks();
  stacks.Clear();
  for (int i = left; i < profile.sample_size(); ++i) {
    stacks.add_id(static_cast<std::uint64_t>(100 + i));
    stacks.add_sample_index(static_cast<std::uint64_t>(i));
    stacks.add_variance_inuse_bytes(factor * (i + 1));
    stacks.add_variance_alloc_bytes(factor * (i + 2));
    stacks.add_raw_allocations(9);
    stacks.add_raw_frees(2);
    stacks.add_raw_live(7);
    stacks.add_allocated_bytes(64);
    stacks.add_kind(1);
  }
  profile.mutable_heap_snapshot()->clear_samples();
  return profile;
}

TEST(MergeProfiles, VariancesOfASumAreSums) {
  const ProfileColumns a = columnsOf(dumpWithErrors(3, 0)), b = columnsOf(dumpWithErrors(5, 0));
  const auto merged = mergeProfiles({{&a, 1}, {&b, 1}});
  ASSERT_TRUE(merged.ok()) << merged.status().message();
  const auto ofA = variancesOf(a), ofB = variancesOf(b), ofSum = variancesOf(*merged);
  ASSERT_EQ(ofSum.size(), ofA.size());
  for (const auto& [stack, variance] : ofSum) EXPECT_DOUBLE_EQ(variance, ofA.at(stack) + ofB.at(stack));
  EXPECT_EQ(validate(*merged, "merged"), absl::OkStatus());
  // A subtraction's errors add as well, and what is one input's is not said of a sum.
  const auto less = mergeProfiles({{&a, 1}, {&b, -1}});
  ASSERT_TRUE(less.ok());
  for (const auto& [stack, variance] : variancesOf(*less)) {
    EXPECT_DOUBLE_EQ(variance, ofA.at(stack) + ofB.at(stack));
  }
  EXPECT_EQ(merged->heapSnapshot.stacks().raw_live_size(), 0);
  // One input's own stay as they are.
  EXPECT_EQ(mergeProfiles({{&b, 1}})->heapSnapshot.stacks().raw_live_size(),
            b.heapSnapshot.stacks().raw_live_size());
}

TEST(MergeProfiles, AStackThatOnlyAnEarlierDumpHoldsKeepsItsErrors) {
  Profile earlier = dumpWithErrors(3, 0), later = dumpWithErrors(5, 0);
  later.mutable_sample()->RemoveLast();
  heapprof::Stacks& stacks = *later.mutable_heap_snapshot()->mutable_stacks();
  const int last = stacks.id_size() - 1;
  stacks.mutable_id()->Truncate(last);
  stacks.mutable_sample_index()->Truncate(last);
  stacks.mutable_variance_inuse_bytes()->Truncate(last);
  stacks.mutable_variance_alloc_bytes()->Truncate(last);
  for (auto* column : {stacks.mutable_raw_allocations(), stacks.mutable_raw_frees(),
                       stacks.mutable_raw_live(), stacks.mutable_allocated_bytes()}) {
    column->Truncate(last);
  }
  stacks.mutable_kind()->Truncate(last);
  const ProfileColumns a = columnsOf(earlier), b = columnsOf(later);
  const auto merged = mergeProfiles({{&a, 1}, {&b, 1}});
  ASSERT_TRUE(merged.ok()) << merged.status().message();
  const auto ofA = variancesOf(a), ofB = variancesOf(b), ofSum = variancesOf(*merged);
  ASSERT_EQ(ofA.size(), ofB.size() + 1);
  ASSERT_EQ(ofSum.size(), ofA.size());
  for (const auto& [stack, variance] : ofSum) {
    const auto also = ofB.find(stack);
    EXPECT_DOUBLE_EQ(variance, ofA.at(stack) + (also == ofB.end() ? 0 : also->second));
  }
}

TEST(MergeProfiles, OnePartWithoutErrorsLeavesTheSumWithout) {
  const ProfileColumns a = columnsOf(dumpWithErrors(3, 1)), b = columnsOf(dumpWithErrors(5, 0));
  const auto merged = mergeProfiles({{&a, 1}, {&b, 1}});
  ASSERT_TRUE(merged.ok()) << merged.status().message();
  int unknown = 0;
  for (const auto& [stack, variance] : variancesOf(*merged)) unknown += std::isnan(variance) ? 1 : 0;
  EXPECT_EQ(unknown, 1);
  ProfileColumns none = a;
  none.hasHeapSnapshot = false;
  none.heapSnapshot.Clear();
  const auto without = mergeProfiles({{&none, 1}, {&b, 1}});
  ASSERT_TRUE(without.ok());
  for (const auto& [stack, variance] : variancesOf(*without)) EXPECT_TRUE(std::isnan(variance)) << stack;
}

class MergeFiles : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string write(const Profile& profile) {
    const std::string path = folder_ / absl::StrCat(++count_, ".pb");
    std::ofstream(path, std::ios::binary) << profile.SerializeAsString();
    return path;
  }
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / absl::StrCat("heapprof-merge-files.", ::getpid());
  int count_ = 0;
};

TEST_F(MergeFiles, InBatchesSayWhatOneMergeSays) {
  std::vector<ProfileColumns> profiles;
  std::vector<std::string> paths;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Profile profile = testing::dumpLikeProfile();
    for (auto& sample : *profile.mutable_sample()) {
      for (auto& value : *sample.mutable_value())
        value = static_cast<std::int64_t>((value + 1) * seed % 1000);
    }
    profiles.push_back(columnsOf(profile));
    paths.push_back(write(profile));
  }
  std::vector<MergeInput> inputs;
  for (const ProfileColumns& profile : profiles) inputs.push_back({&profile, 1});
  const auto expected = mergeProfiles(inputs);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  for (const std::size_t batch : {std::size_t{1}, std::size_t{5000}, std::size_t{16} << 20}) {
    MergeFilesOptions options;
    options.leastBatchBytes = batch;
    std::size_t asked = 0;
    options.progress = [&asked](std::size_t done, std::size_t total) {
      EXPECT_EQ(done, asked++);
      EXPECT_EQ(total, 40u);
      return true;
    };
    const auto merged = mergeFiles(paths, options);
    ASSERT_TRUE(merged.ok()) << merged.status().message();
    EXPECT_EQ(valuesByStack(*merged), valuesByStack(*expected)) << batch;
    EXPECT_EQ(merged->timeNanos, expected->timeNanos);
    EXPECT_EQ(merged->durationNanos, expected->durationNanos);
    EXPECT_EQ(merged->hasHeapSnapshot, expected->hasHeapSnapshot);
    EXPECT_TRUE(validate(*merged, "merged").ok());
    EXPECT_EQ(asked, 40u);
  }
}

TEST_F(MergeFiles, ABrokenFileEndsItUnlessItIsToBeLeftOut) {
  const std::string good = write(testing::dumpLikeProfile()), broken = folder_ / "broken.pb";
  std::ofstream(broken, std::ios::binary) << "nonsense";
  const auto refused = mergeFiles({good, broken, good});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find(broken), absl::string_view::npos);
  MergeFilesOptions options;
  std::string said;
  options.skip = [&said](const absl::Status& wrong) {
    absl::StrAppend(&said, wrong.message());
    return true;
  };
  const auto merged = mergeFiles({good, broken, good}, options);
  ASSERT_TRUE(merged.ok()) << merged.status().message();
  EXPECT_NE(said.find(broken), std::string::npos);
  EXPECT_FALSE(mergeFiles({broken}, options).ok()) << "nothing is left to merge";
}

}  // namespace
}  // namespace heapprof::formats

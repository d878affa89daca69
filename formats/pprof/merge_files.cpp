#include "formats/pprof/merge_files.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "formats/pprof/merge_profile.h"

namespace heapprof::formats {
namespace {

// What a merge of it costs, roughly; of heap snapshots only the stacks count: of the rest one is kept.
std::size_t sizeOf(const ProfileColumns& profile) {
  std::size_t bytes = 0;
  for (const std::string& text : profile.strings) bytes += sizeof text + text.size();
  return bytes + profile.samples.size() * 2 * sizeof(std::uint64_t) +
         profile.samples.values.size() * sizeof(std::int64_t) +
         profile.samples.stacks.locations.size() * sizeof(Row) + profile.samples.labels.key.size() * 24 +
         profile.locations.size() * 32 + profile.functions.size() * 32 +
         profile.locations.lineFunction.size() * 20 +
         static_cast<std::size_t>(profile.heapSnapshot.stacks().id_size()) * 300;
}

// For their variances; pages and totals are those of the last dump.
void keepOnlyStacks(heapprof::HeapSnapshot* snapshot) {
  heapprof::HeapSnapshot kept;
  if (snapshot->has_stacks()) *kept.mutable_stacks() = std::move(*snapshot->mutable_stacks());
  *snapshot = std::move(kept);
}

class FileMerger {
 public:
  explicit FileMerger(std::size_t leastBatchBytes) : leastBatchBytes_(leastBatchBytes) {}

  absl::Status add(ProfileColumns profile, const std::string& path) {
    if (profile.hasHeapSnapshot) {
      for (Held& held : batch_) keepOnlyStacks(&held.profile.heapSnapshot);
    }
    batchBytes_ += sizeOf(profile);
    batch_.push_back({std::move(profile), path});
    return batchBytes_ >= std::max(leastBatchBytes_, mergedBytes_) ? reduce() : absl::OkStatus();
  }

  absl::StatusOr<ProfileColumns> finish() {
    if (batch_.empty()) return absl::InvalidArgumentError("nothing to merge; give at least one dump");
    if (absl::Status status = reduce(); !status.ok()) return status;
    return std::move(batch_.front().profile);
  }

 private:
  struct Held {
    ProfileColumns profile;
    std::string path;
  };

  // All that is held becomes one, which stays first: headers are the first file's.
  absl::Status reduce() {
    std::vector<MergeInput> inputs;
    for (const Held& held : batch_) inputs.push_back({&held.profile, 1});
    absl::StatusOr<ProfileColumns> merged = mergeProfiles(inputs);
    if (!merged.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(batch_.front().path, " to ", batch_.back().path, ": ", merged.status().message()));
    }
    const std::string first = batch_.front().path;
    batch_.clear();
    mergedBytes_ = sizeOf(*merged);
    batchBytes_ = 0;
    batch_.push_back({*std::move(merged), first});
    return absl::OkStatus();
  }

  std::vector<Held> batch_;
  std::size_t leastBatchBytes_, batchBytes_ = 0, mergedBytes_ = 0;
};

}  // namespace

absl::StatusOr<ProfileColumns> mergeFiles(absl::Span<const std::string> paths,
                                          const MergeFilesOptions& options) {
  FileMerger merger(options.leastBatchBytes);
  ReadOptions read = options.read;
  read.progress = nullptr;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (options.progress && !options.progress(i, paths.size()))
      return absl::CancelledError("merging was cancelled");
    absl::StatusOr<ProfileColumns> profile = readProfile(paths[i], read);
    if (!profile.ok()) {
      if (options.skip && options.skip(profile.status())) continue;
      return profile.status();
    }
    if (absl::Status status = merger.add(*std::move(profile), paths[i]); !status.ok()) return status;
  }
  return merger.finish();
}

}  // namespace heapprof::formats

// Builds a profile's columns out of records of addresses and counts: what both text formats are made of.
//
// Invariant: finish() leaves columns that satisfy profile_columns.h. Memory is charged as it is taken; add()
// says false once it would exceed the budget. Addresses become "return address minus one", the innermost,
// too: it is one where the allocator was called (jeprof leaves it). One read; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

#include "formats/legacy/unbias.h"
#include "formats/pprof/profile_columns.h"

namespace heapprof::formats {

class HeapRows {
 public:
  struct Counts {
    std::int64_t liveObjects = 0, liveBytes = 0, allocObjects = 0, allocBytes = 0;
  };
  struct Share {  // of one thread, already unbiased
    Estimate live, alloc;
    std::string thread, threadName;  // "": no label
    std::int64_t objectBytes = 0;    // mean size as recorded, for the label; 0: none
  };

  HeapRows(ProfileColumns& out, std::uint64_t memoryBudget) : out_(out), budget_(memoryBudget) {}

  bool add(const std::vector<std::uint64_t>& stack, const Share& share);
  // An executable mapping, in the file's order: the first one is the program.
  bool addMapping(std::uint64_t start, std::uint64_t limit, std::uint64_t offset, absl::string_view file,
                  absl::string_view buildId);
  // `allocatorFrames`: drop_frames. Innermost frames within the allocator's own library go at once: Debian
  // strips it, so that they have no names to be dropped by.
  void finish(double meanBytes, absl::string_view allocatorFrames);

 private:
  StringIndex text(absl::string_view value);
  Row locationOf(std::uint64_t address);
  void addLabel(absl::string_view key, absl::string_view text, std::int64_t number, absl::string_view unit);
  bool charge(std::size_t bytes) { return (used_ += bytes) <= budget_; }
  void assignMappings();
  void dropAllocatorFrames();

  ProfileColumns& out_;
  std::uint64_t budget_;
  std::uint64_t used_ = 0;
  absl::flat_hash_map<std::uint64_t, Row> locations_;
  absl::flat_hash_map<std::string, StringIndex> strings_;
  std::array<CarriedRounding, 4> rounding_;
  bool hasAlloc_ = false;
};

}  // namespace heapprof::formats

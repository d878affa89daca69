// One pass over a message: each top-level field goes to the row decoder or the snapshot merger, then ids
// become rows.
//
// Invariant: run() gave OK only when every invariant of profile_columns.h holds. Reads each byte once; holds
// one field at a time. One read; one thread.
#pragma once

#include <string>

#include "absl/status/status.h"

#include "formats/pprof/check_columns.h"
#include "formats/pprof/message_window.h"
#include "formats/pprof/row_decoder.h"
#include "formats/pprof/snapshot_merger.h"

namespace heapprof::formats {

class ProfileScanner {
 public:
  ProfileScanner(MessageWindow& window, std::string name, ProfileColumns& columns, std::uint64_t memoryBudget)
      : window_(window),
        name_(std::move(name)),
        out_(columns),
        rows_(columns, memoryBudget),
        merger_(columns.heapSnapshot) {}

  absl::Status run();

 private:
  absl::Status lookAtHead();
  absl::Status nextField();
  absl::Status bytesField(const Field& field, std::uint64_t start);
  absl::Status snapshotChunk(const Field& field, std::uint64_t start);
  absl::Status plainField(const Field& field, std::uint64_t start);
  absl::Status resolve();
  absl::Status defineIds();
  absl::Status resolveLocations();
  absl::Status resolveSamples();
  absl::Status wrong(std::uint64_t offset, const std::string& what);
  absl::Status ended(std::uint64_t offset, const std::string& what);
  absl::Status faultIn(const Fault& fault);

  MessageWindow& window_;
  std::string name_;
  ProfileColumns& out_;
  RowDecoder rows_;
  SnapshotMerger merger_;
  bool textual_ = false;
};

}  // namespace heapprof::formats

// The bytes as they lie on disk or in memory, piece by piece, with progress and cancelling.
//
// Invariant: next() hands out every byte once, in order; an empty piece is the end. The piece lives until the
// next call. Owner: one read. One thread, but for tell() and consumed(): who reads ahead (read_ahead.h) calls
// next() on its own thread and tells progress on the reader's.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

#include "formats/pprof/read_profile.h"

namespace heapprof::formats {

using Bytes = absl::Span<const std::uint8_t>;

class RawInput {
 public:
  RawInput(std::string name, const ReadOptions& options)
      : name_(std::move(name)), progress_(options.progress) {}
  ~RawInput();
  RawInput(const RawInput&) = delete;
  RawInput& operator=(const RawInput&) = delete;

  absl::Status openFile();  // the name is the path
  void openBytes(Bytes bytes) {
    memory_ = bytes;
    total_ = bytes.size();
  }

  absl::Status next(Bytes* piece);
  // CancelledError where progress says so. By default next() does this itself.
  absl::Status tell(std::uint64_t consumed, bool atEnd);
  void tellProgress(bool byNext) { nextTells_ = byNext; }
  std::uint64_t consumed() const { return consumed_.load(std::memory_order_relaxed); }  // bytes handed out
  std::uint64_t total() const { return total_; }                                        // 0: unknown
  const std::string& name() const { return name_; }

 private:
  absl::Status readPiece(Bytes* piece);
  ssize_t readSome(std::uint8_t* to, std::size_t size);
  std::string name_;
  std::function<bool(std::uint64_t, std::uint64_t)> progress_;
  bool nextTells_ = true;
  std::uint64_t reported_ = 0;
  std::atomic<std::uint64_t> consumed_{0};  // a count: orders nothing
  std::uint64_t total_ = 0;
  int file_ = -1;
  bool mayLackWriter_ = false;  // a pipe from which nothing was read yet
  bool nobodyWrites_ = false;
  Bytes memory_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace heapprof::formats

// Reads pprof profiles (gzip, zstd or plain protobuf) into columns, streaming: the file is never in memory
// whole, and no DOM of it exists. The text heap profiles of jemalloc and gperftools are told by their first
// bytes and read, too (formats/legacy). Errors are one line: "FILE: offset N: what is wrong; what to do".
// Thread-safe: no shared state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

#include "formats/pprof/profile_columns.h"

namespace heapprof::formats {

struct ReadOptions {
  // Called about every MiB with compressed bytes read and the file's size (0 when unknown, as from a pipe).
  // Returning false cancels: the result is absl::CancelledError. May be empty. Called on the reading thread.
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress;
  // A message larger than this after decompression is refused (gzip bombs). 0: max(1 GiB, 200 x the file's
  // size capped at 64 GiB).
  std::uint64_t maxMessageBytes = 0;
  // A file whose columns would take more memory than this is refused. 0: max(1 GiB, 64 x the file's size, at
  // most 64 GiB): small bombs stay below a gibibyte, and no honest dump comes near.
  std::uint64_t maxColumnBytes = 0;
  // Of a jemalloc profile only this thread's rows ("3"), as jeprof --thread takes them. "": all.
  std::string thread;
};

// Offsets in errors are of the uncompressed message unless the text says "compressed".
absl::StatusOr<ProfileColumns> readProfile(const std::string& path, const ReadOptions& options = {});

// The same for bytes in memory; `name` stands in errors for the file.
absl::StatusOr<ProfileColumns> readProfileBytes(const void* data, std::size_t size, const std::string& name,
                                                const ReadOptions& options = {});

// pprof's CheckValid and the invariants of profile_columns.h; readProfile() has already called it.
absl::Status validate(const ProfileColumns& profile, const std::string& name);

}  // namespace heapprof::formats

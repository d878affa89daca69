// Writes columns as a pprof profile with the heap snapshot kept: write(read(x)) says what x said.
#pragma once

#include <string>

#include "absl/status/status.h"

#include "formats/pprof/profile_columns.h"

namespace heapprof::formats {

enum class Compression { kGzip, kNone, kZstd };

// Writes to PATH.tmp, then renames; an older file is replaced only by a complete new one. Mode 0600.
absl::Status writeProfile(const ProfileColumns& profile, const std::string& path,
                          Compression compression = Compression::kGzip);

// The uncompressed message, for tests and pipes.
std::string serializeProfile(const ProfileColumns& profile);

}  // namespace heapprof::formats

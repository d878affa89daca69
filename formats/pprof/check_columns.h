// The invariants of profile_columns.h, in one place for the reader (which adds offsets) and validate() (which
// has none). Pure; thread-safe.
#pragma once

#include <optional>
#include <string>

#include "formats/pprof/profile_columns.h"

namespace heapprof::formats {

enum class Place { kProfile, kSampleType, kSample, kLocation, kFunction, kMapping, kSnapshot };

struct Fault {
  Place place = Place::kProfile;
  std::size_t row = 0;
  std::string what;
};

// Everything but the uniqueness of ids, which the reader has seen to.
std::optional<Fault> checkColumns(const ProfileColumns& profile);
std::optional<Fault> checkIds(const ProfileColumns& profile);
std::string describePlace(const Fault& fault);

}  // namespace heapprof::formats

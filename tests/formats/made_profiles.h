// Profiles for the tests: small ones that look like a dump, and wild ones that use every freedom the format
// gives.
#pragma once

#include <cstdint>
#include <string>

#include "formats/proto/profile.pb.h"

namespace heapprof::formats::testing {

// Valid, with a heap snapshot, all parts filled; about 2 KB.
heapprof::pprof::Profile dumpLikeProfile();

// Valid and random: sparse and huge ids, no samples or many, negative values, every optional part there or
// not.
heapprof::pprof::Profile randomProfile(std::uint64_t seed);

// The same message in another order on the wire: samples before what they name, the string table first, and
// numbers of repeated fields unpacked; some unknown fields of every wire type in between when `unknown` is
// not null (which then counts them).
std::string shuffledBytes(const heapprof::pprof::Profile& profile, std::uint64_t seed,
                          std::uint64_t* unknown);

std::string gzipped(const std::string& bytes);

}  // namespace heapprof::formats::testing

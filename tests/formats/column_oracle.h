// The slow, obvious way from a profile to columns: libprotobuf's DOM, maps, no streaming. Stands beside the
// reader.
#pragma once

#include <string>

#include "formats/pprof/profile_columns.h"
#include "formats/proto/profile.pb.h"

namespace heapprof::formats::testing {

// Of a valid message only. Heap snapshots: one chunk, as a DOM cannot tell chunks apart.
ProfileColumns columnsByDom(const heapprof::pprof::Profile& profile);

// "" when equal in everything but the counts of bytes and unknown fields; else the first difference in words.
std::string difference(const ProfileColumns& a, const ProfileColumns& b);

}  // namespace heapprof::formats::testing

// Snapshots for tests: made by hand, a line a fact, or wild ones from a seed.
//
// Invariant: what make() gives has passed formats' own check, so a test cannot pass on columns that no reader
// would let in.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "formats/pprof/profile_columns.h"
#include "profiler/model/query.h"
#include "profiler/model/snapshot.h"

namespace heapprof::test {

struct FrameSpec {
  std::string function;
  std::string file;
  std::int64_t line = 0;
};

struct LabelSpec {
  std::string key, text;
  std::int64_t number = 0;
  std::string unit;
};

class SnapshotMaker {
 public:
  using Types = std::vector<std::pair<std::string, std::string>>;
  explicit SnapshotMaker(const Types& types = {{"inuse_objects", "count"}, {"inuse_space", "bytes"}});

  formats::StringIndex text(const std::string& value);
  formats::Row mapping(const std::string& file, std::uint64_t start, std::uint64_t limit,
                       const std::string& buildId = "");
  formats::Row function(const FrameSpec& frame);
  // Innermost frame first; none: a location without symbols.
  formats::Row location(const std::vector<FrameSpec>& frames, std::uint64_t address = 0,
                        formats::Row mapping = formats::kNoRow);
  // A location a frame, named so; the same name gives the same location.
  std::vector<formats::Row> stack(const std::vector<std::string>& leafFirst);
  void sample(const std::vector<formats::Row>& leafFirst, const std::vector<std::int64_t>& values,
              const std::vector<LabelSpec>& labels = {});
  heapprof::HeapSnapshot& heap();
  std::uint32_t heapText(const std::string& value);
  // The row of Stacks that goes with the last sample: variances of its bytes.
  void stacksRow(double inuseVariance, double allocVariance, std::uint64_t objectBytes);

  model::SnapshotPtr make(const std::string& path = "made.pb.gz") const;

  formats::ProfileColumns columns;
};

// Of what was made, without a base.
model::Query queryOf(const SnapshotMaker& maker);

// Recursion, inlined frames, locations without symbols, equal figures, negative ones, labels, two mappings.
// Names are few, so that everything meets everything.
struct WildShape {
  bool negative = true;
  bool labels = true;
  bool variances = false;  // a heap snapshot with Stacks; some samples without
  std::size_t samples = 60;
};
formats::ProfileColumns wildColumns(std::uint64_t seed, const WildShape& shape = {});
model::SnapshotPtr wildSnapshot(std::uint64_t seed, const WildShape& shape = {});

}  // namespace heapprof::test

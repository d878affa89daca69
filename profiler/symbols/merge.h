// Puts resolved frames into a profile: interns strings, finds or makes functions, rebuilds the line columns.
//
// Invariant: functions are unique by (name, file); lines that a location already had stay; after finish() the
// profile's invariants (profile_columns.h) hold again. Owner and thread: the caller of resolve().
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

#include "formats/pprof/profile_columns.h"
#include "profiler/symbols/frame.h"
#include "profiler/symbols/name_level.h"

namespace heapprof::symbols {

class Merger {
 public:
  Merger(formats::ProfileColumns* profile, NameLevel names);

  // Frames of one location row, innermost first. Each row at most once.
  void add(formats::Row location, const std::vector<Frame>& frames);
  // The same from a profile that has them: a location of it. `functions` is filled with rows of ours for its
  // functions as they come up, and belongs to the caller, empty at first: one for each `from`.
  void add(formats::Row location, const formats::ProfileColumns& from, formats::Row fromLocation,
           std::vector<formats::Row>* functions);
  void finish();

 private:
  formats::StringIndex intern(const std::string& text);
  formats::Row function(const Frame& frame);

  struct NewLine {
    formats::Row function;
    std::int64_t line, column;
  };

  formats::ProfileColumns& profile_;
  NameLevel names_;
  std::vector<std::vector<NewLine>> added_;  // by location row
  absl::flat_hash_map<std::string, formats::StringIndex> strings_;
  absl::flat_hash_map<std::pair<formats::StringIndex, formats::StringIndex>, formats::Row> functions_;
  std::uint64_t nextFunctionId_ = 1;
};

}  // namespace heapprof::symbols

// A dump of a running program, written where its asker wants it: the runtime fills a file that we made, so
// neither mount namespaces nor the program's own rights decide where that can be.
//
// Invariant: the file given to the runtime has no name (O_TMPFILE, else unlinked at once): nothing is left of
// a dump that fails. Only this process reads it.
#pragma once

#include <string>

#include "absl/status/statusor.h"

#include "profiler/capture/control.h"

namespace heapprof::capture {

class LiveDump {
 public:
  // In a file of `folder`, so that a full disk is found out there.
  static absl::StatusOr<LiveDump> take(const Control& control, const std::string& folder);
  LiveDump(LiveDump&& other) noexcept;
  LiveDump& operator=(LiveDump&& other) noexcept;
  ~LiveDump();

  // Readable like a file as long as this object lives: stored blocks, as the runtime packs them.
  std::string path() const;
  // Packed with zlib into `file`, which appears whole or not at all.
  absl::Status saveAs(const std::string& file) const;

 private:
  explicit LiveDump(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

// "heapprof.NAME.PID.N.pb.gz", the first that is free in the current folder.
std::string freeDumpName(const RunningProcess& process);

}  // namespace heapprof::capture

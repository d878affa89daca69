// The allocators that a program can be compared under: those of Debian's packages, where they are installed.
//
// Invariant: a library that is returned is a file of this machine's kind; its path can be named in
// LD_PRELOAD. Reads files only.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace heapprof::capture {

struct Peer {
  std::string name;
  std::string library;  // "": none, so libc's own
};

struct Peers {
  std::vector<Peer> found;
  std::vector<std::string> missing;  // "mimalloc (package libmimalloc2.0)"
};

// `like` is a library for this machine (libheapprof.so); `root` is looked below, "/" but in tests.
Peers installedPeers(const std::string& like, const std::string& root = "/");

// NAME=LIB as a person gives it. Errors: no such form, no such file, no library of this machine, a path that
// LD_PRELOAD cannot carry.
absl::StatusOr<Peer> namedPeer(const std::string& text, const std::string& like);

}  // namespace heapprof::capture

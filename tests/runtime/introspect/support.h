// What the tests of the dump share: a scratch folder, dumps read back twice (by our reader and by
// libprotobuf), and an allocation site that a test can recognise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "formats/pprof/profile_columns.h"
#include "formats/proto/profile.pb.h"

namespace heapprof::tests {

class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::vector<std::string> files() const;

 private:
  std::string folder_;
};

std::string readFile(const std::string& path);
std::string gunzip(const std::string& bytes);  // empty where it is not one whole gzip member

// Fails the test where the dump is not valid.
formats::ProfileColumns readDump(const std::string& path);
pprof::Profile parseDump(const std::string& path);

// heapprof_dump() to a fresh file and back.
formats::ProfileColumns dumpNow(const Scratch& scratch, const std::string& name = "dump.pb.gz");

// Objects of the prefixed allocator, freed with the vector's owner.
class Objects {
 public:
  Objects() = default;
  ~Objects() { freeAll(); }
  Objects(const Objects&) = delete;
  Objects& operator=(const Objects&) = delete;
  // Every object comes from one call site, inside this function, and is written to.
  void add(std::size_t count, std::size_t bytes, bool touch = true);
  void freeEverySecond();
  void freeAll();
  const std::vector<void*>& all() const { return objects_; }

 private:
  std::vector<void*> objects_;
};

// Sampling on for a scope.
class Sampling {
 public:
  explicit Sampling(std::uint64_t interval);
  ~Sampling();
  Sampling(const Sampling&) = delete;
  Sampling& operator=(const Sampling&) = delete;
};

// Sum of one sample type over all samples.
std::int64_t total(const formats::ProfileColumns& profile, const std::string& type);

}  // namespace heapprof::tests

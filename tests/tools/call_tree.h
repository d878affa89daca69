// Made-up code: functions with names a person can read, their locations in mappings, and a tree of calls.
//
// Invariant: a stack is a node of the tree; walking parents from it ends at main. Location ids
// are 1..locations().
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/tools/dump_plan.h"

namespace heapprof::tools {

struct MadeMapping {
  std::uint64_t start, limit, offset;
  const char* file;
  const char* buildId;
};

struct MadeFunction {
  std::string name;
  std::string file;
  std::uint64_t startLine = 0;
};

struct MadeLocation {
  std::uint64_t mapping = 0;      // row
  std::uint64_t address = 0;      // return address minus one
  std::uint64_t function = 0;     // row
  std::uint64_t inlinedInto = 0;  // row + 1 of the caller it is inlined into; 0: not inlined
  std::uint64_t line = 0;
};

class CallTree {
 public:
  explicit CallTree(const DumpPlan& plan);
  const std::vector<MadeMapping>& mappings() const { return mappings_; }
  const std::vector<MadeFunction>& functions() const { return functions_; }
  const std::vector<MadeLocation>& locations() const { return locations_; }
  std::uint64_t stacks() const { return parent_.size(); }
  // Location ids, leaf first.
  void stack(std::uint64_t number, std::vector<std::uint64_t>* ids) const;

 private:
  void makeFunctions(std::uint64_t count, Random& random);
  void makeLocations(Random& random);
  void makeTree(std::uint64_t stacks, Random& random);
  std::vector<MadeMapping> mappings_;
  std::vector<MadeFunction> functions_;
  std::vector<MadeLocation> locations_;
  std::vector<std::uint32_t> parent_;    // of a node; the root is its own
  std::vector<std::uint32_t> location_;  // row of a node
  std::vector<std::uint8_t> depth_;
};

}  // namespace heapprof::tools

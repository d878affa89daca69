#include "tests/tools/call_tree.h"

#include <algorithm>

namespace heapprof::tools {
namespace {

constexpr std::uint8_t kMostFrames = 48;
constexpr std::uint64_t kLocationsPerFunction = 3;
constexpr std::uint64_t kFunctionBytes = 0x400;

constexpr const char* kRooms[] = {"http",    "cache",   "index",  "query",  "storage", "auth",
                                  "session", "codec",   "router", "search", "metrics", "queue",
                                  "image",   "billing", "graph",  "text"};
constexpr const char* kThings[] = {"Request", "Response", "Table",    "Segment", "Block", "Cursor",
                                   "Plan",    "Token",    "Document", "Bucket",  "Page",  "Record",
                                   "Node",    "Edge",     "Stream",   "Batch",   "Key",   "Snapshot"};
constexpr const char* kVerbs[] = {"parse", "load",  "insert", "merge",  "split",  "decode", "resize",
                                  "copy",  "flush", "open",   "append", "render", "lookup", "rebuild"};
template <class T, std::size_t N>
constexpr std::uint64_t lengthOf(const T (&)[N]) {
  return N;
}

}  // namespace

CallTree::CallTree(const DumpPlan& plan) {
  Random random(plan.seed * 3 + 2);
  const std::uint64_t functions = std::clamp<std::uint64_t>(plan.stacks / 4, 40, 30000);
  const std::uint64_t text = functions * kFunctionBytes + 0x1000;
  mappings_ = {{0x555555554000, 0x555555554000 + text, 0, "/usr/sbin/example-server",
                "5f3c9a6e1b7d4820a94be0c1d2f38756a1b2c3d4"},
               {0x7ffff7c00000, 0x7ffff7dd2000, 0, "/lib/x86_64-linux-gnu/libc.so.6",
                "0b6a1f29c3d84e57b0219c8d7e6f5a4b3c2d1e0f"},
               {0x7ffff7e00000, 0x7ffff8010000, 0, "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
                "c7d21ab04f9e8d6350124b7a9f8e1d2c3b4a5968"}};
  makeFunctions(functions, random);
  makeLocations(random);
  makeTree(plan.stacks, random);
}

void CallTree::makeFunctions(std::uint64_t count, Random& random) {
  functions_.push_back({"main", "src/main.cpp", 20});
  for (std::uint64_t i = 1; i < count; ++i) {
    const std::string room = kRooms[random.below(lengthOf(kRooms))];
    const std::string thing = kThings[random.below(lengthOf(kThings))];
    const std::string verb = kVerbs[random.below(lengthOf(kVerbs))];
    const std::string number = i < 40 ? "" : std::to_string(i);  // distinct names without end
    functions_.push_back({"example::" + room + "::" + thing + number + "::" + verb + "(std::string const&)",
                          "src/" + room + "/" + thing + ".cpp", 10 + random.below(900)});
  }
}

void CallTree::makeLocations(Random& random) {
  const std::uint64_t text = mappings_[0].start + 0x800;
  for (std::uint64_t function = 0; function < functions_.size(); ++function) {
    for (std::uint64_t i = 0; i < kLocationsPerFunction; ++i) {
      MadeLocation location;
      const bool library = function != 0 && random.percent(4);
      location.mapping = library ? 1 + random.below(2) : 0;
      location.address = library ? mappings_[location.mapping].start + random.below(0x180000)
                                 : text + function * kFunctionBytes + i * 0x100 + random.below(0x100);
      location.function = function;
      location.inlinedInto = !library && function > 1 && random.percent(15) ? 1 + random.below(function) : 0;
      location.line = functions_[function].startLine + random.below(60);
      locations_.push_back(location);
    }
  }
}

void CallTree::makeTree(std::uint64_t stacks, Random& random) {
  parent_.push_back(0);
  location_.push_back(0);
  depth_.push_back(1);
  // Mostly below a recent node, so that stacks grow deep as in real programs; sometimes anywhere, so that it
  // branches.
  while (parent_.size() < std::max<std::uint64_t>(stacks, 1)) {
    const std::uint64_t size = parent_.size();
    const std::uint64_t from = random.percent(70) ? size - 1 - size / 3 : 0;
    auto above = static_cast<std::uint32_t>(from + random.below(size - from));
    while (depth_[above] >= kMostFrames) {
      above = parent_[above];
    }
    parent_.push_back(above);
    location_.push_back(static_cast<std::uint32_t>(kLocationsPerFunction +
                                                   random.below(locations_.size() - kLocationsPerFunction)));
    depth_.push_back(static_cast<std::uint8_t>(depth_[above] + 1));
  }
}

void CallTree::stack(std::uint64_t number, std::vector<std::uint64_t>* ids) const {
  ids->clear();
  for (auto node = static_cast<std::uint32_t>(number);; node = parent_[node]) {
    ids->push_back(location_[node] + 1u);
    if (node == 0) {
      return;
    }
  }
}

}  // namespace heapprof::tools

#include "tests/profiler/support/stack_oracle.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <regex>
#include <set>
#include <sstream>
#include <tuple>

namespace heapprof::test {
namespace {

using formats::kNoRow;
using formats::ProfileColumns;
using formats::Row;

struct RawFrame {
  std::string function, file;
  std::int64_t line = 0;
};
struct RawLocation {
  std::string module;
  std::uint64_t address = 0;
  std::vector<RawFrame> frames;  // innermost first
  bool hadFrames = false;
};
using RawStack = std::vector<RawLocation>;

RawStack rawStack(const ProfileColumns& columns, std::size_t sample) {
  RawStack stack;
  for (const Row row : columns.samples.locationsOf(sample)) {
    RawLocation location;
    location.address = columns.locations.address[row];
    const Row mapping = columns.locations.mapping[row];
    if (mapping != kNoRow) location.module = columns.strings[columns.mappings[mapping].file];
    for (std::uint64_t line = columns.locations.lineBegin[row]; line < columns.locations.lineBegin[row + 1];
         ++line) {
      const Row function = columns.locations.lineFunction[line];
      location.frames.push_back({columns.strings[columns.functions.name[function]],
                                 columns.strings[columns.functions.file[function]],
                                 columns.locations.lineNumber[line]});
    }
    location.hadFrames = !location.frames.empty();
    stack.push_back(location);
  }
  return stack;
}

bool has(const std::string& text, const std::string& pattern) {
  return std::regex_search(text, std::regex(pattern, std::regex::extended));
}
bool has(const RawFrame& frame, const std::string& pattern) {
  return has(frame.function, pattern) || has(frame.file, pattern);
}
bool has(const RawLocation& location, const std::string& pattern) {
  if (has(location.module, pattern)) return true;
  for (const RawFrame& frame : location.frames) {
    if (has(frame, pattern)) return true;
  }
  return false;
}

// Drops frames that `keep` refuses, then locations that lost all of theirs.
template <typename Keep>
void keepFrames(RawStack* stack, bool emptyStays, const Keep& keep) {
  RawStack kept;
  for (RawLocation location : *stack) {
    std::vector<RawFrame> frames;
    for (const RawFrame& frame : location.frames) {
      if (keep(location, frame)) frames.push_back(frame);
    }
    location.frames = frames;
    if (!frames.empty() || (emptyStays && !location.hadFrames)) kept.push_back(location);
  }
  *stack = kept;
}

// False: the sample is filtered out.
bool passes(const model::Filters& filters, RawStack* stack) {
  bool focused = filters.focus.empty() && !stack->empty();
  for (const RawLocation& location : *stack) {
    if (!filters.ignore.empty() && has(location, filters.ignore)) return false;
    focused = focused || has(location, filters.focus);
  }
  if (!focused) return false;
  if (!filters.hide.empty()) {
    RawStack visible;
    for (const RawLocation& location : *stack) {
      if (!has(location.module, filters.hide)) visible.push_back(location);
    }
    *stack = visible;
    keepFrames(stack, true,
               [&](const RawLocation&, const RawFrame& frame) { return !has(frame, filters.hide); });
  }
  if (!filters.show.empty()) {
    keepFrames(stack, false, [&](const RawLocation& location, const RawFrame& frame) {
      return has(location.module, filters.show) || has(frame, filters.show);
    });
  }
  if (!filters.showFrom.empty()) {
    while (!stack->empty() && !has(stack->back(), filters.showFrom)) stack->pop_back();
    // pprof cuts a place once for all stacks: within each that matches, what is outside of its last match
    // goes.
    for (RawLocation& location : *stack) {
      if (has(location.module, filters.showFrom) || !has(location, filters.showFrom)) continue;
      while (!has(location.frames.back(), filters.showFrom)) location.frames.pop_back();
    }
  }
  return !stack->empty();
}

std::string cleaned(std::string path) {
  for (std::size_t at; (at = path.find("/./")) != std::string::npos;) path.erase(at, 2);
  return path;
}

OracleFrame nodeOf(model::Granularity granularity, const RawLocation& location, const RawFrame* frame) {
  using G = model::Granularity;
  RawFrame node = frame == nullptr ? RawFrame{} : *frame;
  node.file = cleaned(node.file);
  if (granularity == G::kFiles) node.function.clear();
  if (granularity == G::kFunctions) node.file.clear();
  if (granularity != G::kLines && granularity != G::kAddresses) node.line = 0;
  const std::uint64_t address = granularity == G::kAddresses ? location.address : 0;
  std::ostringstream key, name;
  key << address << '|' << node.function << '|' << node.file << '|' << node.line << '|'
      << (node.function.empty() ? location.module : "");
  if (address != 0) {
    name.fill('0');
    name.width(16);
    name << std::hex << address << std::dec << ' ';
  }
  name << node.function;
  const char* blank = node.function.empty() ? "" : " ";
  if (node.line != 0) {
    name << blank << node.file << ':' << node.line;
  } else if (!node.file.empty()) {
    name << blank << node.file;
  } else if (node.function.empty() && !location.module.empty()) {
    name << '[' << location.module.substr(location.module.rfind('/') + 1) << ']';
  } else if (node.function.empty()) {
    name << "<unknown>";
  }
  return {key.str(), name.str(), false};
}

std::vector<OracleFrame> nodesOf(const model::Query& query, const RawStack& stack) {
  std::vector<OracleFrame> nodes;
  for (const RawLocation& location : stack) {
    if (location.frames.empty()) nodes.push_back(nodeOf(query.granularity, location, nullptr));
    for (std::size_t i = 0; i < location.frames.size(); ++i) {
      if (query.noInlines && i + 1 < location.frames.size()) continue;
      nodes.push_back(nodeOf(query.granularity, location, &location.frames[i]));
      nodes.back().isInlined = i + 1 < location.frames.size();
    }
  }
  return nodes;
}

std::size_t metricOf(const model::Query& query) {
  return *query.snapshot->sampleType(query.metric);
}

}  // namespace

std::vector<OracleSample> oracleSamples(const model::Query& query) {
  std::vector<OracleSample> samples;
  const std::size_t type = metricOf(query);
  for (std::size_t side = 0; side < (query.baseline != nullptr ? 2u : 1u); ++side) {
    const model::Snapshot& dump = side == 0 ? *query.snapshot : *query.baseline;
    const ProfileColumns& columns = dump.columns();
    for (std::size_t row = 0; row < columns.samples.size(); ++row) {
      RawStack stack = rawStack(columns, row);
      const std::int64_t value = columns.samples.values[row * columns.sampleTypes.size() + type];
      if (value == 0 || !passes(query.filters, &stack)) continue;
      samples.push_back(
          {side, value, dump.variance(row, type).value_or(std::nan("")), nodesOf(query, stack)});
    }
  }
  return samples;
}

std::map<std::string, OracleNode> oracleNodes(const std::vector<OracleSample>& samples) {
  std::map<std::string, OracleNode> nodes;
  for (const OracleSample& sample : samples) {
    const std::int64_t value = sample.side == 0 ? sample.value : -sample.value;
    std::set<std::string> seen;
    for (const OracleFrame& frame : sample.frames) {
      OracleNode& node = nodes[frame.key];
      node.name = frame.name;
      if (!seen.insert(frame.key).second) continue;
      node.cum += value;
      node.cumVariance += sample.variance;
    }
    nodes[sample.frames.front().key].flat += value;
    nodes[sample.frames.front().key].flatVariance += sample.variance;
  }
  return nodes;
}

std::int64_t oracleTotal(const model::Query& query) {
  const std::size_t type = metricOf(query);
  const bool apart = query.baselineMode == model::BaselineMode::kDiffBase;
  std::map<std::string, std::int64_t> joined;
  for (std::size_t side = 0; side < (query.baseline != nullptr ? 2u : 1u); ++side) {
    const ProfileColumns& columns = (side == 0 ? *query.snapshot : *query.baseline).columns();
    const formats::LabelColumns& labels = columns.samples.labels;
    for (std::size_t row = 0; row < columns.samples.size(); ++row) {
      std::ostringstream key;
      if (apart) key << "side " << side << ' ';
      for (const RawLocation& location : rawStack(columns, row)) {
        key << location.module << '+' << location.address << '(';
        for (const RawFrame& frame : location.frames)
          key << frame.function << '@' << frame.file << ':' << frame.line << ';';
        key << ')';
      }
      std::set<std::string> marks;
      for (std::uint64_t i = columns.samples.labelBegin[row]; i < columns.samples.labelBegin[row + 1]; ++i) {
        std::ostringstream mark;
        mark << columns.strings[labels.key[i]] << '=' << columns.strings[labels.str[i]] << '/'
             << labels.num[i] << '/' << columns.strings[labels.unit[i]];
        marks.insert(mark.str());
      }
      for (const std::string& mark : marks) key << '#' << mark;
      const std::int64_t value = columns.samples.values[row * columns.sampleTypes.size() + type];
      joined[key.str()] += side == 0 ? value : -value;
    }
  }
  std::int64_t all = 0, base = 0;
  for (const auto& [key, value] : joined) {
    all += std::llabs(value);
    if (apart && key.rfind("side 1", 0) == 0) base += std::llabs(value);
  }
  return base > 0 ? base : all;
}

}  // namespace heapprof::test

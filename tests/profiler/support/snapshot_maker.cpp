#include "tests/profiler/support/snapshot_maker.h"

#include <optional>
#include <random>
#include <stdexcept>

#include "formats/pprof/check_columns.h"

namespace heapprof::test {

using formats::Row;

SnapshotMaker::SnapshotMaker(const Types& types) {
  for (const auto& [type, unit] : types) columns.sampleTypes.push_back({text(type), text(unit)});
}

formats::StringIndex SnapshotMaker::text(const std::string& value) {
  for (std::size_t i = 0; i < columns.strings.size(); ++i) {
    if (columns.strings[i] == value) return static_cast<formats::StringIndex>(i);
  }
  columns.strings.push_back(value);
  return static_cast<formats::StringIndex>(columns.strings.size() - 1);
}

Row SnapshotMaker::mapping(const std::string& file, std::uint64_t start, std::uint64_t limit,
                           const std::string& buildId) {
  formats::Mapping mapping;
  mapping.id = columns.mappings.size() + 1;
  mapping.start = start;
  mapping.limit = limit;
  mapping.file = text(file);
  mapping.buildId = text(buildId);
  mapping.hasFunctions = mapping.hasFilenames = mapping.hasLineNumbers = mapping.hasInlineFrames = true;
  columns.mappings.push_back(mapping);
  return static_cast<Row>(columns.mappings.size() - 1);
}

Row SnapshotMaker::function(const FrameSpec& frame) {
  const formats::StringIndex name = text(frame.function), file = text(frame.file);
  formats::FunctionColumns& functions = columns.functions;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    if (functions.name[i] == name && functions.file[i] == file) return static_cast<Row>(i);
  }
  functions.id.push_back(functions.size() + 1);
  functions.name.push_back(name);
  functions.systemName.push_back(name);
  functions.file.push_back(file);
  functions.startLine.push_back(0);
  return static_cast<Row>(functions.size() - 1);
}

Row SnapshotMaker::location(const std::vector<FrameSpec>& frames, std::uint64_t address, Row mapping) {
  formats::LocationColumns& locations = columns.locations;
  const std::size_t row = locations.size();
  locations.id.push_back(row + 1);
  locations.mapping.push_back(mapping);
  locations.address.push_back(address != 0 ? address : 0x1000 + 0x10 * row);
  locations.folded.push_back(0);
  for (const FrameSpec& frame : frames) {
    locations.lineFunction.push_back(function(frame));
    locations.lineNumber.push_back(frame.line);
    locations.lineColumn.push_back(0);
  }
  locations.lineBegin.push_back(locations.lineFunction.size());
  return static_cast<Row>(row);
}

std::vector<Row> SnapshotMaker::stack(const std::vector<std::string>& leafFirst) {
  std::vector<Row> rows;
  for (const std::string& name : leafFirst) {
    std::optional<Row> known;
    for (std::size_t i = 0; i < columns.locations.size() && !known; ++i) {
      const std::uint64_t begin = columns.locations.lineBegin[i];
      if (columns.locations.lineBegin[i + 1] - begin != 1) continue;
      const Row at = columns.locations.lineFunction[begin];
      if (columns.strings[columns.functions.name[at]] == name) known = static_cast<Row>(i);
    }
    rows.push_back(known ? *known : location({{name, name + ".cpp", 1}}));
  }
  return rows;
}

void SnapshotMaker::sample(const std::vector<Row>& leafFirst, const std::vector<std::int64_t>& values,
                           const std::vector<LabelSpec>& labels) {
  formats::SampleColumns& samples = columns.samples;
  samples.stacks.locations.insert(samples.stacks.locations.end(), leafFirst.begin(), leafFirst.end());
  samples.takeStack();
  samples.values.insert(samples.values.end(), values.begin(), values.end());
  for (const LabelSpec& label : labels) {
    samples.labels.key.push_back(text(label.key));
    samples.labels.str.push_back(text(label.text));
    samples.labels.num.push_back(label.number);
    samples.labels.unit.push_back(text(label.unit));
  }
  samples.labelBegin.push_back(samples.labels.key.size());
}

heapprof::HeapSnapshot& SnapshotMaker::heap() {
  if (!columns.hasHeapSnapshot) {
    columns.hasHeapSnapshot = true;
    columns.heapSnapshot.add_string_table("");
    columns.heapSnapshot.mutable_header()->set_format_version(1);
  }
  return columns.heapSnapshot;
}

std::uint32_t SnapshotMaker::heapText(const std::string& value) {
  heap().add_string_table(value);
  return static_cast<std::uint32_t>(heap().string_table_size() - 1);
}

void SnapshotMaker::stacksRow(double inuseVariance, double allocVariance, std::uint64_t objectBytes) {
  heapprof::Stacks& stacks = *heap().mutable_stacks();
  stacks.add_id(static_cast<std::uint64_t>(stacks.id_size()) + 1);
  stacks.add_sample_index(columns.samples.size() - 1);
  stacks.add_variance_inuse_bytes(inuseVariance);
  stacks.add_variance_alloc_bytes(allocVariance);
  stacks.add_allocated_bytes(objectBytes);
}

model::SnapshotPtr SnapshotMaker::make(const std::string& path) const {
  if (const std::optional<formats::Fault> fault = formats::checkColumns(columns)) {
    throw std::logic_error("test snapshot: " + formats::describePlace(*fault) + ": " + fault->what);
  }
  return std::make_shared<const model::Snapshot>(columns, path, std::vector<std::string>{});
}

namespace {

// Names that meet filters in many ways; few enough that stacks recurse and figures tie.
constexpr const char* kNames[] = {"main",       "run",       "cache::fill", "cache::find", "alloc",
                                  "parse<int>", "free_list", "a",           "b",           "operator()"};
constexpr const char* kFiles[] = {"src/main.cpp", "src/cache.cpp", "src/./parse.h", "/usr/include/vector",
                                  ""};

}  // namespace

formats::ProfileColumns wildColumns(std::uint64_t seed, const WildShape& shape) {
  std::mt19937_64 random(seed);
  const auto below = [&random](std::uint64_t limit) { return random() % limit; };
  SnapshotMaker maker;
  const Row program = maker.mapping("/usr/bin/server", 0x400000, 0x500000, "abcdef");
  const Row library = maker.mapping("/usr/lib/libcache.so.1", 0x7f0000000000, 0x7f0000100000);
  std::vector<Row> locations;
  for (int i = 0; i < 24; ++i) {
    std::vector<FrameSpec> frames;
    for (std::uint64_t k = below(4); k > 0; --k) {
      const std::uint64_t name = below(std::size(kNames));
      frames.push_back({kNames[name],
                        kFiles[below(2) != 0 ? name % std::size(kFiles) : below(std::size(kFiles))],
                        static_cast<std::int64_t>(below(3) * 10)});
    }
    const std::uint64_t where = below(5);
    const Row mapping = where == 0 ? formats::kNoRow : where == 1 ? library : program;
    const std::uint64_t base = where == 1 ? 0x7f0000000000 : 0x400000;
    locations.push_back(maker.location(frames, base + 0x10 + 0x10 * static_cast<std::uint64_t>(i), mapping));
  }
  for (std::size_t i = 0; i < shape.samples; ++i) {
    std::vector<Row> stack;
    const std::uint64_t depth = below(20) == 0 ? 0 : 1 + below(9);
    const std::uint64_t variety = below(2) == 0 ? 5 : locations.size();
    for (std::uint64_t k = 0; k < depth; ++k) stack.push_back(locations[below(variety)]);
    std::int64_t objects = static_cast<std::int64_t>(below(4));
    if (shape.negative && below(3) == 0) objects = -objects;
    const std::int64_t size = std::int64_t{16} << below(14);
    std::vector<LabelSpec> labels;
    if (shape.labels && below(2) == 0) labels.push_back({"bytes", "", size, below(2) == 0 ? "bytes" : ""});
    if (shape.labels && below(3) == 0) labels.push_back({"kind", below(2) == 0 ? "malloc" : "new[]", 0, ""});
    maker.sample(stack, {objects, objects * size}, labels);
    if (shape.variances && below(20) != 0) {
      maker.stacksRow(static_cast<double>(below(1000)), static_cast<double>(below(1000)),
                      static_cast<std::uint64_t>(size));
    }
  }
  maker.columns.defaultSampleType = maker.text("inuse_space");
  maker.columns.timeNanos = 1735689600000000000;
  return maker.columns;
}

model::SnapshotPtr wildSnapshot(std::uint64_t seed, const WildShape& shape) {
  SnapshotMaker maker(SnapshotMaker::Types{});
  maker.columns = wildColumns(seed, shape);
  return maker.make("wild" + std::to_string(seed) + ".pb.gz");
}

model::Query queryOf(const SnapshotMaker& maker) {
  model::Query query;
  query.snapshot = maker.make();
  return query;
}

}  // namespace heapprof::test

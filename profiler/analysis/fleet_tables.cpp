#include "profiler/analysis/fleet_tables.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "profiler/analysis/row_groups.h"
#include "profiler/model/columns.h"

namespace heapprof::analysis {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using model::Column, model::Table, model::Unit;

// FNV-1a: the same on every machine and in every version; nobody gains by two that collide.
std::string idOf(absl::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
}

constexpr double kSecond = 1e-9;

struct Keys {
  std::string dump, process, host, program, build;
  double seconds = 0;  // since the epoch
};

Keys keysOf(const model::Snapshot& snapshot) {
  const heapprof::Header& header = snapshot.heap().header();
  Keys keys;
  keys.host = std::string(snapshot.snapshotText(header.host()));
  keys.program = std::string(snapshot.snapshotText(header.program()));
  const std::vector<formats::Mapping>& mappings = snapshot.columns().mappings;
  if (!mappings.empty()) {
    if (keys.program.empty()) keys.program = std::string(snapshot.text(mappings[0].file));
    keys.build = std::string(snapshot.text(mappings[0].buildId));
  }
  std::uint64_t nanos = header.dump_time_nanos();
  if (nanos == 0) nanos = static_cast<std::uint64_t>(std::max<std::int64_t>(0, snapshot.columns().timeNanos));
  keys.seconds = static_cast<double>(nanos / 1000) * 1e-6;
  keys.process =
      idOf(absl::StrCat(keys.host, "\n", keys.program, "\n", header.pid(), "\n", header.start_time_nanos()));
  keys.dump = idOf(absl::StrCat(keys.process, "\n", nanos, "\n", header.sequence(), "\n",
                                header.dump_time_nanos() == 0 ? snapshot.path() : std::string()));
  return keys;
}

// A table that is filled row by row: keys first, then its own columns in the order of their declaration.
class Rows {
 public:
  Rows(const char* id, const char* title, const Keys& keys) : keys_(keys) {
    table_.id = id;
    table_.title = title;
    text("dump_id", "one dump; the same in every export");
    text("process_id", "host, program, process number and start time");
    text("host", "where it ran; empty: not said");
    text("program", "path of the executable");
    text("build_id", "of the executable; empty: it has none");
    number("dumped_unix_seconds", Unit::kFraction, "when the dump was taken");
  }
  void text(const std::string& id, const std::string& help) {
    table_.columns.push_back(model::textColumn(id, id, help));
  }
  void number(const std::string& id, Unit unit, const std::string& help) {
    table_.columns.push_back(model::numberColumn(id, id, unit, help));
  }

  void startRow() {
    at_ = 0;
    *this << keys_.dump << keys_.process << keys_.host << keys_.program << keys_.build << keys_.seconds;
  }
  Rows& operator<<(absl::string_view text) {
    table_.columns[at_++].texts.emplace_back(text);
    return *this;
  }
  Rows& operator<<(double value) {
    Column& column = table_.columns[at_++];
    std::isnan(value) ? model::addUnknown(column) : model::addKnown(column, value);
    return *this;
  }
  Table take() { return std::move(table_); }

 private:
  const Keys& keys_;
  Table table_;
  std::size_t at_ = 0;
};

Unit unitOfField(const FieldDescriptor& field) {
  const absl::string_view name = field.name();
  if (name.find("nanos") != absl::string_view::npos) return Unit::kNanoseconds;
  return name.find("bytes") != absl::string_view::npos ? Unit::kBytes : Unit::kCount;
}

// The dump's own figures by their names in the schema, which say their units: what the schema gains, tables
// gain.
template <class Visit>
void forEachFigure(const Message& message, bool repeated, Visit visit) {
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64 && field->is_repeated() == repeated) {
      visit(*field);
    }
  }
}

void putFigures(const Message& message, Rows* rows) {
  forEachFigure(message, false, [&](const FieldDescriptor& field) {
    const bool known = message.GetReflection()->HasField(message, &field);
    *rows << (known ? static_cast<double>(message.GetReflection()->GetUInt64(message, &field))
                    : model::kNoError);
  });
}

Table dumps(const model::Snapshot& snapshot, const Keys& keys) {
  const heapprof::Header& header = snapshot.heap().header();
  Rows rows("dumps", "Dumps, and where RSS went in each", keys);
  rows.text("file", "it was read from");
  rows.text("reason", "why it was taken");
  rows.text("kernel", "release");
  rows.text("machine", "x86_64, aarch64");
  rows.text("runtime_version", "of what wrote it");
  rows.number("pid", Unit::kCount, "process number");
  rows.number("uptime_seconds", Unit::kFraction, "of the process at the dump");
  rows.number("sampling_interval_bytes", Unit::kBytes, "mean bytes between samples; unknown: no sampling");
  forEachFigure(snapshot.heap().totals(), false, [&](const FieldDescriptor& field) {
    rows.number(field.name(), unitOfField(field), "of the dump's totals");
  });
  rows.startRow();
  rows << snapshot.path() << dumpReason(snapshot) << snapshot.snapshotText(header.kernel())
       << snapshot.snapshotText(header.machine()) << snapshot.snapshotText(header.runtime_version())
       << (header.pid() == 0 ? model::kNoError : static_cast<double>(header.pid()))
       << static_cast<double>(snapshot.columns().durationNanos) * kSecond
       << (header.has_sampling_interval_bytes() ? static_cast<double>(header.sampling_interval_bytes())
                                                : model::kNoError);
  putFigures(snapshot.heap().totals(), &rows);
  return rows.take();
}

// Names of stacks; their keys are those of the dump in which an export met them first.
void stacks(const RowGroups& groups, const Keys& keys, const IsKnownStack& isKnown, std::vector<Table>* out) {
  Rows stacks("stacks", "Stacks by name", keys), frames("frames", "Their frames", keys);
  stacks.text("stack_id", "one stack by its functions' names; the same in every export");
  stacks.text("owner", "the first function that is not allocation plumbing");
  stacks.text("leaf", "the innermost function");
  stacks.text("stack", "all functions, innermost first, a line each");
  frames.text("stack_id", "of stacks");
  frames.number("frame", Unit::kCount, "0: the innermost");
  frames.text("function", "its name");
  for (std::size_t group = 0; group < groups.size(); ++group) {
    const std::string id = idOf(groups.stack[group]);
    if (isKnown && isKnown(id)) continue;
    const std::vector<absl::string_view> names = absl::StrSplit(groups.stack[group], '\n');
    stacks.startRow();
    stacks << id << groups.owner[group] << names.front() << groups.stack[group];
    for (std::size_t i = 0; i < names.size(); ++i) {
      frames.startRow();
      frames << id << static_cast<double>(i) << names[i];
    }
  }
  out->push_back(stacks.take());
  out->push_back(frames.take());
}

constexpr struct {
  const char* type;    // in the profile
  const char* column;  // with its unit
  Unit unit;
  const char* help;
} kMetrics[] = {
    {"inuse_space", "inuse_bytes", Unit::kBytes, "live bytes, by allocated size"},
    {"inuse_objects", "inuse_objects", Unit::kCount, "live objects"},
    {"inuse_requested", "inuse_requested_bytes", Unit::kBytes, "live bytes, as asked for"},
    {"alloc_space", "alloc_bytes", Unit::kBytes, "bytes allocated since the start"},
    {"alloc_objects", "alloc_objects", Unit::kCount, "objects allocated since the start"},
    {"peak_space", "peak_bytes", Unit::kBytes, "the stack's share at the heap's peak"},
};
constexpr std::size_t kMetricCount = std::size(kMetrics);

Table samples(const model::Snapshot& snapshot, const RowGroups& groups, const Keys& keys) {
  Rows rows("samples", "What each stack holds", keys);
  rows.text("stack_id", "of stacks");
  rows.text("owner", "as in stacks");
  rows.text("leaf", "as in stacks");
  for (const auto& metric : kMetrics) rows.number(metric.column, metric.unit, metric.help);
  rows.number("inuse_variance_bytes2", Unit::kFraction,
              "of inuse_bytes: variances add, the standard error is the sum's root");
  absl::optional<std::size_t> types[kMetricCount];
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    types[i] = snapshot.sampleType(kMetrics[i].type);
    // "space" of a CPU's contention is another thing than a heap's.
    if (types[i] && snapshot.text(snapshot.columns().sampleTypes[*types[i]].type) != kMetrics[i].type) {
      types[i] = absl::nullopt;
    }
  }
  std::vector<double> sums(groups.size() * (kMetricCount + 1), 0);
  for (std::size_t row = 0; row < groups.groupOf.size(); ++row) {
    if (groups.groupOf[row] == kNoGroup) continue;
    double* of = &sums[groups.groupOf[row] * (kMetricCount + 1)];
    const std::int64_t* values =
        &snapshot.columns().samples.values[row * snapshot.columns().sampleTypes.size()];
    for (std::size_t i = 0; i < kMetricCount; ++i) {
      of[i] += types[i] ? static_cast<double>(values[*types[i]]) : model::kNoError;
    }
    of[kMetricCount] +=
        types[0] ? snapshot.variance(row, *types[0]).value_or(model::kNoError) : model::kNoError;
  }
  for (std::size_t group = 0; group < groups.size(); ++group) {
    const absl::string_view stack = groups.stack[group];
    rows.startRow();
    rows << idOf(stack) << groups.owner[group] << stack.substr(0, stack.find('\n'));
    for (std::size_t i = 0; i <= kMetricCount; ++i) rows << sums[group * (kMetricCount + 1) + i];
  }
  return rows.take();
}

// Empty where the dump has no map of its heap.
Table pins(const model::Query& query, const Keys& keys, const Cancel& cancel) {
  constexpr struct {
    const char* from;  // column of fragmentation's stacks
    const char* column;
    Unit unit;
    const char* help;
  } kColumns[] = {{"pins", "pinned_bytes", Unit::kBytes, "free memory that its objects keep resident"},
                  {"comes_back", "comes_back_bytes", Unit::kBytes, "what would come back if they went"},
                  {"holds", "held_bytes", Unit::kBytes, "live bytes, by allocated size"},
                  {"slack", "slack_bytes", Unit::kBytes, "allocated less requested bytes"}};
  Rows rows("pins", "Who pins free memory", keys);
  rows.text("stack_id", "of stacks");
  rows.text("owner", "as in stacks");
  for (const auto& column : kColumns) rows.number(column.column, Unit::kFraction, column.help);
  const absl::StatusOr<FragResult> frag = fragmentation(query, cancel);
  const Table none;
  const Table& from = frag.ok() ? frag->stacks : none;
  for (std::size_t row = 0; row < from.rows(); ++row) {
    rows.startRow();
    rows << idOf(from.find("stack")->texts[row]) << from.find("owner")->texts[row];
    for (const auto& column : kColumns) {
      const Column* figures = from.find(column.from);
      rows << (figures != nullptr && figures->isKnown(row) ? figures->values[row] : model::kNoError);
    }
  }
  return rows.take();
}

Table sizeClasses(const model::Snapshot& snapshot, const Keys& keys) {
  const heapprof::SizeClasses& classes = snapshot.heap().size_classes();
  Rows rows("size_classes", "Size classes", keys);
  std::vector<const FieldDescriptor*> fields;
  forEachFigure(classes, true, [&](const FieldDescriptor& field) {
    fields.push_back(&field);
    rows.number(field.name() == "size" ? "class_bytes" : field.name(), unitOfField(field),
                "of the dump's size classes");
  });
  for (int row = 0; row < classes.size_size(); ++row) {
    rows.startRow();
    for (const FieldDescriptor* field : fields) {
      const auto* reflection = classes.GetReflection();
      rows << (row < reflection->FieldSize(classes, field)
                   ? static_cast<double>(reflection->GetRepeatedUInt64(classes, field, row))
                   : model::kNoError);
    }
  }
  return rows.take();
}

// Totals by the kernel's state: a terabyte has half a million pages.
Table hugePages(const model::Snapshot& snapshot, const Keys& keys) {
  constexpr const char* kStates[] = {"unknown", "none", "small", "huge", "mixed"};
  const heapprof::HugePages& pages = snapshot.heap().huge_pages();
  Rows rows("huge_pages", "Huge pages by what the kernel made of them", keys);
  rows.text("kernel_state", "unknown, none (nothing resident), small, huge, mixed");
  rows.number("pages", Unit::kCount, "placement units of 2 MiB");
  rows.number("resident_bytes", Unit::kBytes, "by the kernel's word");
  rows.number("live_bytes", Unit::kBytes, "of live objects, by allocated size");
  rows.number("purges", Unit::kCount, "times they were purged");
  rows.number("refaults", Unit::kCount, "times they were faulted in again");
  struct Sums {
    double pages = 0, resident = 0, live = 0, purges = 0, refaults = 0;
  };
  std::map<std::size_t, Sums> byState;
  const auto cell = [](const auto& column, int row) {
    return row < column.size() ? static_cast<double>(column.Get(row)) : model::kNoError;
  };
  for (int row = 0; row < pages.index_delta_size(); ++row) {
    const std::uint32_t state = row < pages.kernel_state_size() ? pages.kernel_state(row) : 0;
    Sums& sums = byState[state < std::size(kStates) ? state : 0];
    sums.pages += 1;
    sums.resident += cell(pages.resident_bytes(), row);
    sums.live += cell(pages.live_bytes(), row);
    sums.purges += cell(pages.purges(), row);
    sums.refaults += cell(pages.refaults(), row);
  }
  for (const auto& [state, sums] : byState) {
    rows.startRow();
    rows << kStates[state] << sums.pages << sums.resident << sums.live << sums.purges << sums.refaults;
  }
  return rows.take();
}

Table purges(const model::Snapshot& snapshot, const Keys& keys) {
  Rows rows("purges", "What purging gave back since the start", keys);
  forEachFigure(snapshot.heap().purges(), false, [&](const FieldDescriptor& field) {
    rows.number(field.name(), unitOfField(field), "of the dump's purges");
  });
  if (snapshot.heap().has_purges()) {
    rows.startRow();
    putFigures(snapshot.heap().purges(), &rows);
  }
  return rows.take();
}

}  // namespace

absl::StatusOr<std::vector<model::Table>> fleetTables(const model::Query& query, const IsKnownStack& isKnown,
                                                      const Cancel& cancel) {
  const absl::StatusOr<RowGroups> groups = groupRows(query, cancel);
  if (!groups.ok()) return groups.status();
  const model::Snapshot& snapshot = *query.snapshot;
  const Keys keys = keysOf(snapshot);
  std::vector<Table> tables{dumps(snapshot, keys)};
  stacks(*groups, keys, isKnown, &tables);
  tables.push_back(samples(snapshot, *groups, keys));
  tables.push_back(pins(query, keys, cancel));
  tables.push_back(sizeClasses(snapshot, keys));
  tables.push_back(hugePages(snapshot, keys));
  tables.push_back(purges(snapshot, keys));
  return tables;
}

}  // namespace heapprof::analysis

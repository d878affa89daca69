#include <map>

#include "absl/strings/str_cat.h"

#include "profiler/analysis/analyses.h"
#include "profiler/analysis/waterfall_lines.h"
#include "profiler/model/columns.h"
#include "profiler/model/units.h"

namespace heapprof::analysis {
namespace {

using Figure = absl::optional<double>;

// A row of the comparison: bytes and objects on both sides, each known or not; RSS has no objects to count.
struct SideBySide {
  const char* group;
  std::string name;
  Figure bytes[2];
  Figure objects[2];
  bool counts = true;
};

// Rows keep the order of the table below, size classes that of their size.
std::vector<SideBySide> totalsRows(const model::Snapshot* sides[2]) {
  using T = heapprof::Totals;
  struct Field {
    const char* name;
    bool (T::*has)() const;
    std::uint64_t (T::*get)() const;
    bool (T::*hasObjects)() const;
    std::uint64_t (T::*objects)() const;
  };
  static constexpr Field kFields[] = {
      {"kernel RSS", &T::has_kernel_rss_bytes, &T::kernel_rss_bytes, nullptr, nullptr},
      {"peak RSS", &T::has_peak_rss_bytes, &T::peak_rss_bytes, nullptr, nullptr},
      {"live (counted)", &T::has_live_bytes, &T::live_bytes, &T::has_live_objects, &T::live_objects},
      {"requested (sampled)", &T::has_requested_bytes, &T::requested_bytes, nullptr, nullptr},
      {"free slots in slabs", &T::has_free_slot_bytes, &T::free_slot_bytes, nullptr, nullptr},
      {"thread caches", &T::has_thread_cache_bytes, &T::thread_cache_bytes, nullptr, nullptr},
      {"dirty free pages", &T::has_dirty_bytes, &T::dirty_bytes, nullptr, nullptr},
      {"purged free pages", &T::has_purged_bytes, &T::purged_bytes, nullptr, nullptr},
      {"allocator metadata", &T::has_metadata_bytes, &T::metadata_bytes, nullptr, nullptr},
      {"not the heap", &T::has_other_mappings_bytes, &T::other_mappings_bytes, nullptr, nullptr},
      {"heap on huge pages", &T::has_huge_bytes, &T::huge_bytes, nullptr, nullptr},
      {"swapped", &T::has_swapped_bytes, &T::swapped_bytes, nullptr, nullptr},
      {"allocated since start", &T::has_cumulative_allocated_bytes, &T::cumulative_allocated_bytes,
       &T::has_cumulative_allocated_objects, &T::cumulative_allocated_objects},
  };
  std::vector<SideBySide> rows;
  for (const Field& field : kFields) {
    SideBySide row{"totals", field.name, {}, {}, field.hasObjects != nullptr};
    bool any = false;
    for (int side = 0; side < 2; ++side) {
      const T& totals = sides[side]->heap().totals();
      if ((totals.*field.has)()) row.bytes[side] = static_cast<double>((totals.*field.get)());
      if (field.hasObjects != nullptr && (totals.*field.hasObjects)()) {
        row.objects[side] = static_cast<double>((totals.*field.objects)());
      }
      any = any || row.bytes[side].has_value();
    }
    if (any) rows.push_back(std::move(row));
  }
  return rows;
}

// A dump that lists classes lists all that it uses: one that is missing there holds nothing.
void addSizeClasses(const model::Snapshot* sides[2], std::vector<SideBySide>* rows) {
  std::map<std::uint64_t, SideBySide> bySize;
  for (int side = 0; side < 2; ++side) {
    const heapprof::SizeClasses& classes = sides[side]->heap().size_classes();
    for (int i = 0; i < classes.size_size() && i < classes.live_objects_size(); ++i) {
      auto [at, added] = bySize.try_emplace(classes.size(i));
      if (added) {
        at->second.group = "size class";
        at->second.name = model::bytesText(static_cast<double>(classes.size(i)));
      }
      const double objects = static_cast<double>(classes.live_objects(i));
      at->second.objects[side] = at->second.objects[side].value_or(0) + objects;
      at->second.bytes[side] =
          at->second.bytes[side].value_or(0) + objects * static_cast<double>(classes.size(i));
    }
  }
  for (auto& [size, row] : bySize) {
    for (int side = 0; side < 2; ++side) {
      if (sides[side]->heap().size_classes().size_size() == 0 || row.bytes[side]) continue;
      row.bytes[side] = row.objects[side] = 0;
    }
    if (row.objects[0].value_or(0) != 0 || row.objects[1].value_or(0) != 0) rows->push_back(std::move(row));
  }
}

void addHugePages(const model::Snapshot* sides[2], std::vector<SideBySide>* rows) {
  static constexpr struct {
    const char* name;
    heapprof::KernelState state;
  } kStates[] = {{"one huge page", heapprof::KERNEL_HUGE},
                 {"partly huge", heapprof::KERNEL_MIXED},
                 {"on small pages", heapprof::KERNEL_SMALL},
                 {"not resident", heapprof::KERNEL_NONE}};
  for (const auto& wanted : kStates) {
    SideBySide row{"huge pages", wanted.name, {}, {}};
    bool any = false;
    for (int side = 0; side < 2; ++side) {
      const heapprof::HugePages& pages = sides[side]->heap().huge_pages();
      if (pages.kernel_state_size() == 0) continue;
      double count = 0, bytes = 0;
      for (int i = 0; i < pages.kernel_state_size(); ++i) {
        if (static_cast<int>(pages.kernel_state(i)) != static_cast<int>(wanted.state)) continue;
        count += 1;
        if (i < pages.resident_bytes_size()) bytes += static_cast<double>(pages.resident_bytes(i));
      }
      row.objects[side] = count;
      if (pages.resident_bytes_size() > 0) row.bytes[side] = bytes;
      any = any || count > 0;
    }
    if (any) rows->push_back(std::move(row));
  }
}

}  // namespace

absl::StatusOr<model::Table> diffTotals(const model::Query& query) {
  if (query.snapshot == nullptr || query.baseline == nullptr) {
    return absl::InvalidArgumentError("a diff needs a baseline: give two dumps");
  }
  const model::Snapshot* sides[2] = {query.snapshot.get(), query.baseline.get()};
  std::vector<SideBySide> rows = totalsRows(sides);
  addSizeClasses(sides, &rows);
  addHugePages(sides, &rows);

  model::Table table;
  table.id = "diff_totals";
  table.title = "Totals, size classes and huge pages side by side";
  for (const model::Snapshot* side : sides) {
    if (!side->hasHeapSnapshot())
      table.notes.push_back(absl::StrCat(side->path(), ": holds stacks only, no totals"));
  }
  using model::numberColumn, model::textColumn, model::Unit;
  model::Column group = textColumn("group", "Group", "totals, size class, or huge pages");
  model::Column name = textColumn("name", "Name", "what is compared");
  model::Column base = numberColumn("base", "Base", Unit::kBytes, "in the baseline");
  model::Column now = numberColumn("new", "New", Unit::kBytes, "in the new dump");
  model::Column change = numberColumn("change", "Change", Unit::kBytes, "new minus base", true);
  model::Column baseCount =
      numberColumn("base_objects", "Base objects", Unit::kCount, "objects or pages in the baseline");
  model::Column nowCount =
      numberColumn("new_objects", "New objects", Unit::kCount, "objects or pages in the new dump");
  model::Column countChange = numberColumn("objects_change", "Objects", Unit::kCount, "new minus base", true);
  auto add = [](model::Column& column, Figure figure) {
    figure ? addKnown(column, *figure) : addUnknown(column);
  };
  auto minus = [](Figure a, Figure b) { return a && b ? Figure(*a - *b) : absl::nullopt; };
  auto addCount = [&add](model::Column& column, const SideBySide& row, Figure figure) {
    row.counts ? add(column, figure) : addBlank(column);
  };
  for (const SideBySide& row : rows) {
    group.texts.emplace_back(row.group);
    name.texts.push_back(row.name);
    add(now, row.bytes[0]);
    add(base, row.bytes[1]);
    add(change, minus(row.bytes[0], row.bytes[1]));
    addCount(nowCount, row, row.objects[0]);
    addCount(baseCount, row, row.objects[1]);
    addCount(countChange, row, minus(row.objects[0], row.objects[1]));
  }
  table.columns = {std::move(group),  std::move(name),      std::move(base),     std::move(now),
                   std::move(change), std::move(baseCount), std::move(nowCount), std::move(countChange)};
  return table;
}

}  // namespace heapprof::analysis

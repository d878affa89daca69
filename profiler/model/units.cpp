#include "profiler/model/units.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace heapprof::model {
namespace {

struct UnitRow {
  const char* name;
  double factor;  // in units of the family's smallest figure
  std::vector<absl::string_view> aliases;
};

struct UnitFamily {
  UnitRow fallback;  // for figures too small for every row, and for a target of another family
  std::vector<UnitRow> rows;
};

// Aliases are lower case and without a plural's s.
const std::vector<UnitFamily>& families() {
  static const std::vector<UnitFamily>* all = new std::vector<UnitFamily>{
      {{"B", 1, {}},
       {{"B", 1, {"b", "byte"}},
        {"kB", 0x1p10, {"kb", "kbyte", "kilobyte"}},
        {"MB", 0x1p20, {"mb", "mbyte", "megabyte"}},
        {"GB", 0x1p30, {"gb", "gbyte", "gigabyte"}},
        {"TB", 0x1p40, {"tb", "tbyte", "terabyte"}},
        {"PB", 0x1p50, {"pb", "pbyte", "petabyte"}}}},
      {{"s", 1e9, {}},
       {{"ns", 1, {"ns", "nanosecond"}},
        {"us", 1e3, {"μs", "us", "microsecond"}},
        {"ms", 1e6, {"ms", "millisecond"}},
        {"s", 1e9, {"s", "sec", "second"}},
        {"hrs", 3600e9, {"hour", "hr"}}}},
      {{"GCU", 1, {}},
       {{"n*GCU", 1e-9, {"nanogcu"}},
        {"u*GCU", 1e-6, {"microgcu"}},
        {"m*GCU", 1e-3, {"milligcu"}},
        {"GCU", 1, {"gcu"}},
        {"k*GCU", 1e3, {"kilogcu"}},
        {"M*GCU", 1e6, {"megagcu"}},
        {"G*GCU", 1e9, {"gigagcu"}},
        {"T*GCU", 1e12, {"teragcu"}},
        {"P*GCU", 1e15, {"petagcu"}}}},
  };
  return *all;
}

const UnitRow* find(const UnitFamily& family, absl::string_view unit) {
  std::string name = absl::AsciiStrToLower(unit);
  if (name.size() > 2) name = std::string(absl::StripSuffix(name, "s"));
  for (const UnitRow& row : family.rows) {
    for (absl::string_view alias : row.aliases) {
      if (alias == name) return &row;
    }
  }
  return nullptr;
}

// The largest row that leaves `base` at 1 or above; null when it is below all of them.
const UnitRow* largestFitting(const UnitFamily& family, double base) {
  const UnitRow* best = nullptr;
  for (const UnitRow& row : family.rows) {
    if (base / row.factor >= 1.0) best = &row;
  }
  return best;
}

constexpr double kToldFromNone = 2;  // standard errors

std::string valueText(Unit unit, double value, bool isSigned) {
  Column cell;
  cell.unit = unit;
  cell.isSigned = isSigned;
  cell.values = {value};
  return cellText(cell, 0);
}

// An error in its value's unit, unless it would vanish there.
std::string bytesErrorText(double bytes, double error) {
  const std::string unit = bytesUnit(bytes);
  const bool shows = std::llround(bytes) != 0 && scale(std::llround(error), "bytes", unit).value >= 0.005;
  return shows ? scaledLabel(std::llround(error), "bytes", unit) : bytesText(error);
}

}  // namespace

Scaled scale(std::int64_t value, absl::string_view from, absl::string_view to) {
  if (value < 0 && value != INT64_MIN) {
    Scaled positive = scale(-value, from, to);
    return {-positive.value, positive.unit};
  }
  const bool choose = to == "minimum" || to == "auto";
  for (const UnitFamily& family : families()) {
    const UnitRow* source = find(family, from);
    if (source == nullptr) continue;
    double base = static_cast<double>(value) * source->factor;
    const UnitRow* target = choose ? largestFitting(family, base) : find(family, to);
    if (target == nullptr) target = &family.fallback;
    return {base / target->factor, target->name};
  }
  const bool plain = choose || to == "count" || to == "sample" || to == "unit";
  return {static_cast<double>(value), plain ? "" : std::string(to)};
}

std::string scaledLabel(std::int64_t value, absl::string_view from, absl::string_view to) {
  Scaled scaled = scale(value, from, to);
  std::string digits = absl::StrFormat("%.2f", scaled.value);
  absl::string_view shown = absl::StripSuffix(digits, ".00");
  if (shown == "0" || shown == "-0") return "0";
  return absl::StrCat(shown, scaled.unit);
}

std::string percentage(std::int64_t value, std::int64_t total) {
  double ratio = 0;
  if (total != 0) ratio = std::fabs(static_cast<double>(value) / static_cast<double>(total)) * 100;
  if (ratio >= 99.95 && ratio <= 100.05) return "  100%";
  if (ratio >= 1.0) return absl::StrFormat("%5.2f%%", ratio);
  return absl::StrFormat("%5.2g%%", ratio);
}

std::string bytesUnit(double bytes) {
  constexpr double kRoundsToOne = 0.995 * 1024;
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB"};
  const Scaled scaled = scale(std::llround(bytes), "bytes", "auto");
  if (std::fabs(scaled.value) < kRoundsToOne) return scaled.unit;
  for (std::size_t i = 0; i + 1 < std::size(kUnits); ++i) {
    if (scaled.unit == kUnits[i]) return kUnits[i + 1];
  }
  return scaled.unit;
}

std::string bytesText(double bytes, bool plus) {
  std::string text = scaledLabel(std::llround(bytes), "bytes", bytesUnit(bytes));
  return plus && bytes > 0 && text != "0" ? absl::StrCat("+", text) : text;
}

std::string errorText(Unit unit, double value, double error, bool isSigned) {
  if (std::isnan(error) || unit == Unit::kText) return "";
  if (const std::string read = valueText(unit, value, false); read == "0" || read == "0/s") value = 0;
  if (error == 0) return value == 0 ? "" : "exact";
  if (value != 0 && std::fabs(value) <= kToldFromNone * error) {
    const double least = value - kToldFromNone * error, most = value + kToldFromNone * error;
    return absl::StrCat("(", valueText(unit, isSigned || value < 0 ? least : 0, isSigned), " to ",
                        valueText(unit, most, isSigned), ")");
  }
  std::string text;
  if (unit == Unit::kBytes || unit == Unit::kBytesPerSecond) {
    text = bytesErrorText(value, error);
    if (text != "0" && unit == Unit::kBytesPerSecond) text += "/s";
  } else {
    text = valueText(unit, error, false);
  }
  return text == "0" ? "" : absl::StrCat("± ", text);
}

std::string bytesWithError(double bytes, double error, bool isSigned) {
  const std::string behind = errorText(Unit::kBytes, bytes, error, isSigned);
  return absl::StrCat(bytesText(bytes, isSigned), behind.empty() ? "" : " ", behind);
}

std::string metricTitle(absl::string_view id) {
  static constexpr struct {
    absl::string_view id, title;
  } kTitles[] = {{"inuse_space", "live bytes"},       {"inuse_objects", "live objects"},
                 {"alloc_space", "allocated bytes"},  {"alloc_objects", "allocations"},
                 {"peak_space", "bytes at the peak"}, {"inuse_requested", "live bytes as requested"}};
  for (const auto& row : kTitles) {
    if (row.id == id) return std::string(row.title);
  }
  return std::string(id);
}

std::string countText(double count, int decimals) {
  std::string digits = absl::StrFormat("%.*f", count == std::floor(count) ? 0 : decimals, count);
  if (std::fabs(count) < 10000) return digits;
  const std::size_t start = digits[0] == '-' ? 1 : 0;
  for (std::size_t at = std::min(digits.find('.'), digits.size()); at > start + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string cellText(const Column& column, std::size_t row, bool withError) {
  if (column.isBlank(row)) return {};
  if (!column.isKnown(row)) return "unknown";
  if (column.unit == Unit::kText) return column.texts[row];
  double value = column.values[row];
  const char* sign = column.isSigned && value > 0 ? "+" : "";
  std::string text;
  switch (column.unit) {
    case Unit::kBytes:
      text = bytesText(value, column.isSigned);
      break;
    case Unit::kBytesPerSecond:
      text = absl::StrCat(bytesText(value, column.isSigned), "/s");
      break;
    case Unit::kNanoseconds:
      text = absl::StrCat(sign, scaledLabel(std::llround(value), "ns", "auto"));
      break;
    case Unit::kFraction:
      text = absl::StrFormat("%s%.1f%%", sign, value * 100);
      break;
    case Unit::kAddress:
      text = absl::StrFormat("0x%x", static_cast<std::uint64_t>(value));
      break;
    case Unit::kCount:
      text = absl::StrCat(sign, countText(value));
      break;
    case Unit::kText:
      break;
  }
  if (!withError || row >= column.standardError.size()) return text;
  const std::string behind = errorText(column.unit, value, column.standardError[row], column.isSigned);
  return absl::StrCat(text, behind.empty() ? "" : " ", behind == "exact" ? "(exact)" : behind);
}

}  // namespace heapprof::model

#include <algorithm>
#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "profiler/model/units.h"
#include "profiler/report/pprof_header.h"
#include "profiler/report/pprof_texts.h"
#include "profiler/report/text.h"

namespace heapprof::report {
namespace {

std::vector<absl::string_view> linesOf(const std::string& text) {
  if (text.empty()) return {};
  return absl::StrSplit(text, '\n');
}

std::string withoutZeros(std::string digits) {
  while (!digits.empty() && digits.back() == '0') digits.pop_back();
  return digits;
}

// As Go prints a time: "2025-01-01 00:00:00.5 +0000 UTC".
std::string goTime(std::int64_t nanos) {
  constexpr std::int64_t kSecond = 1000000000;
  const std::int64_t part = ((nanos % kSecond) + kSecond) % kSecond;
  const std::time_t seconds = static_cast<std::time_t>((nanos - part) / kSecond);
  std::tm local{};
  if (localtime_r(&seconds, &local) == nullptr) return "";
  char day[32], zone[32];
  std::strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &local);
  std::strftime(zone, sizeof zone, "%z %Z", &local);
  const std::string fraction = part == 0 ? "" : withoutZeros(absl::StrFormat(".%09d", part));
  return absl::StrCat(day, fraction, " ", zone);
}

// As Go prints a duration: "1h2m3.5s", "12.5ms".
std::string goDuration(std::int64_t nanos) {
  const std::string sign = nanos < 0 ? "-" : "";
  const std::uint64_t size =
      nanos < 0 ? 0 - static_cast<std::uint64_t>(nanos) : static_cast<std::uint64_t>(nanos);
  const auto decimal = [](std::uint64_t value, std::uint64_t unit, int digits) {
    const std::uint64_t rest = value % unit;
    const std::string fraction = rest == 0 ? "" : withoutZeros(absl::StrFormat(".%0*d", digits, rest));
    return absl::StrCat(value / unit, fraction);
  };
  if (size == 0) return "0s";
  if (size < 1000) return absl::StrCat(sign, size, "ns");
  if (size < 1000000) return absl::StrCat(sign, decimal(size, 1000, 3), "µs");
  if (size < 1000000000) return absl::StrCat(sign, decimal(size, 1000000, 6), "ms");
  const std::uint64_t minutes = size / 60000000000, hours = minutes / 60;
  std::string text = sign;
  if (hours > 0) absl::StrAppend(&text, hours, "h");
  if (minutes > 0) absl::StrAppend(&text, minutes % 60, "m");
  return absl::StrCat(text, decimal(size % 60000000000, 1000000000, 9), "s");
}

// pprof cuts a duration to four characters, whatever they are.
std::string firstCharacters(absl::string_view text, std::size_t count) {
  std::size_t at = 0;
  while (at < text.size() && count > 0) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
    --count;
  }
  return std::string(text.substr(0, at));
}

std::string rawHead(const model::Snapshot& snapshot) {
  const formats::ProfileColumns& columns = snapshot.columns();
  std::string out;
  for (formats::StringIndex comment : columns.comments)
    absl::StrAppend(&out, "Comment: ", snapshot.text(comment), "\n");
  absl::StrAppend(&out, "PeriodType: ", snapshot.text(columns.periodType.type), " ",
                  snapshot.text(columns.periodType.unit), "\nPeriod: ", columns.period, "\n");
  if (columns.timeNanos != 0) absl::StrAppend(&out, "Time: ", goTime(columns.timeNanos), "\n");
  if (columns.durationNanos != 0) {
    absl::StrAppend(&out, "Duration: ", firstCharacters(goDuration(columns.durationNanos), 4), "\n");
  }
  std::vector<std::string> types;
  for (const formats::ValueType& type : columns.sampleTypes) {
    types.push_back(
        absl::StrCat(snapshot.text(type.type), "/", snapshot.text(type.unit),
                     snapshot.text(type.type) == snapshot.text(columns.defaultSampleType) ? "[dflt]" : ""));
  }
  const std::string joined = absl::StrJoin(types, " ");
  absl::StrAppend(&out, "Samples:\n", absl::StripAsciiWhitespace(joined), "\n");
  return out;
}

}  // namespace

std::string tracesText(const analysis::SamplesResult& result) {
  constexpr char kRule[] = "-----------+-------------------------------------------------------\n";
  const Figures figures(result.merged, result.unit);
  const std::vector<std::string> head =
      profileLabels(result.merged, figures, result.metric, result.unit, exact(result.total));
  const model::Column& value = *result.table.find("value");
  const model::Column& labels = *result.table.find("labels");
  const model::Column& stack = *result.table.find("stack");
  std::string out = absl::StrCat(absl::StrJoin(head, "\n"), "\n");
  for (std::size_t row = 0; row < result.table.rows(); ++row) {
    if (stack.texts[row].empty()) continue;
    absl::StrAppend(&out, kRule, labels.texts[row], labels.texts[row].empty() ? "" : "\n");
    std::string figure = figures(exact(value.values[row]));
    for (absl::string_view frame : linesOf(stack.texts[row])) {
      absl::StrAppendFormat(&out, "%10s   %s\n", figure, frame);
      figure.clear();
    }
  }
  return absl::StrCat(out, kRule);
}

std::string tagsText(const analysis::SamplesResult& result) {
  const model::Column& key = *result.table.find("key");
  const model::Column& value = *result.table.find("value");
  const model::Column& sum = *result.table.find("sum");
  const model::Column& keyTotal = *result.table.find("key_total");
  auto figure = [&](std::int64_t amount) {
    const model::Scaled scaled = model::scale(amount, result.unit, result.merged.unit);
    return absl::StrFormat("%.1f%s", scaled.value, scaled.unit);
  };
  std::string out;
  for (std::size_t begin = 0, end = 0; begin < result.table.rows(); begin = end) {
    while (end < result.table.rows() && key.texts[end] == key.texts[begin]) ++end;
    const std::int64_t total = exact(keyTotal.values[begin]);
    const std::string title = absl::StrCat(key.texts[begin], ":");
    const std::size_t first = std::max<std::size_t>(characters(title), 1) + 1;
    std::vector<std::string> figuresOf;
    std::size_t second = 0;
    for (std::size_t row = begin; row < end; ++row) {
      const std::int64_t amount = exact(sum.values[row]);
      figuresOf.push_back(total > 0
                              ? absl::StrCat(figure(amount), " (", model::percentage(amount, total), "):")
                              : absl::StrCat(figure(amount), ":"));
      second = std::max(second, characters(figuresOf.back()) + 1);
    }
    absl::StrAppend(&out, padded(title, first, Align::kRight), " Total ", figure(total), "\n");
    for (std::size_t row = begin; row < end; ++row) {
      absl::StrAppend(&out, std::string(first, ' '), padded(figuresOf[row - begin], second, Align::kRight),
                      " ", value.texts[row], "\n");
    }
    absl::StrAppend(&out, "\n");
  }
  return out;
}

std::string rawText(const analysis::RawResult& result) {
  constexpr char kUnderSample[] = "                ", kUnderLocation[] = "             ";
  std::string out = rawHead(*result.merged);
  const std::vector<model::Column>& samples = result.samples.columns;
  const std::size_t values = samples.size() - 3;
  const model::Column &locations = samples[values], &labels = samples[values + 1],
                      &numbers = samples[values + 2];
  for (std::size_t row = 0; row < result.samples.rows(); ++row) {
    for (std::size_t i = 0; i < values; ++i)
      absl::StrAppendFormat(&out, " %10d", exact(samples[i].values[row]));
    absl::StrAppend(&out, ": ", locations.texts[row], locations.texts[row].empty() ? "" : " ", "\n");
    for (const model::Column* kind : {&labels, &numbers}) {
      if (!kind->texts[row].empty()) absl::StrAppend(&out, kUnderSample, kind->texts[row], "\n");
    }
  }
  absl::StrAppend(&out, "Locations\n");
  const model::Table& table = result.locations;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    std::string head =
        absl::StrFormat("%6d: %s ", exact(table.find("id")->values[row]), table.find("address")->texts[row]);
    const std::int64_t mapping = exact(table.find("mapping")->values[row]);
    if (mapping != 0) absl::StrAppend(&head, "M=", mapping, " ");
    if (!table.find("folded")->texts[row].empty()) absl::StrAppend(&head, "[F] ");
    const std::vector<absl::string_view> lines = linesOf(table.find("lines")->texts[row]);
    if (lines.empty()) absl::StrAppend(&out, head, "\n");
    for (absl::string_view line : lines) {
      absl::StrAppend(&out, head, line, "\n");
      head = kUnderLocation;
    }
  }
  absl::StrAppend(&out, "Mappings\n");
  for (std::size_t row = 0; row < result.mappings.rows(); ++row) {
    absl::StrAppend(&out, exact(result.mappings.columns[0].values[row]), ":");
    for (std::size_t i = 1; i < result.mappings.columns.size(); ++i) {
      absl::StrAppend(&out, " ", result.mappings.columns[i].texts[row]);
    }
    absl::StrAppend(&out, "\n");
  }
  return out;
}

}  // namespace heapprof::report

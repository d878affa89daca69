#include "formats/pprof/profile_scanner.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "formats/pprof/fault.h"
#include "formats/pprof/foreign.h"

namespace heapprof::formats {
namespace {

constexpr std::uint32_t kSnapshotField = 1000;
constexpr std::uint32_t kStringField = 6;
constexpr std::size_t kHeadBytes = 512;
constexpr std::size_t kLongestTagAndLength = 20;
// No honest row comes near these; they bound what one field may hold in memory at once.
constexpr std::uint64_t kMaxRowBytes = 16u << 20;
constexpr std::uint64_t kMaxStringBytes = 64u << 20;
constexpr std::uint64_t kMaxChunkBytes = 1u << 30;

std::uint64_t limitOf(std::uint32_t number) {
  return number == kSnapshotField ? kMaxChunkBytes : number == kStringField ? kMaxStringBytes : kMaxRowBytes;
}

}  // namespace

absl::Status ProfileScanner::wrong(std::uint64_t offset, const std::string& what) {
  if (textual_) {
    return absl::InvalidArgumentError(
        faultLine(name_, 0, "text, not a pprof profile", "give the dump (.pb.gz) that heapprof wrote"));
  }
  return absl::DataLossError(faultLine(name_, offset, what, kTakeAgain));
}

absl::Status ProfileScanner::ended(std::uint64_t offset, const std::string& what) {
  if (!window_.status().ok()) {
    return window_.status();
  }
  if (textual_) {
    return wrong(offset, what);
  }
  return absl::DataLossError(faultLine(name_, offset, what, kCutShort));
}

absl::Status ProfileScanner::lookAtHead() {
  window_.ensure(kHeadBytes);
  if (window_.available() == 0) {
    return window_.status().ok() ? absl::DataLossError(faultLine(name_, 0, "nothing is in it once unpacked",
                                                                 "no profile came: take the dump again"))
                                 : window_.status();
  }
  const absl::string_view head(reinterpret_cast<const char*>(window_.data()),
                               std::min(window_.available(), kHeadBytes));
  const Foreign foreign = recogniseForeign(head);
  if (foreign.what != nullptr) {
    return absl::InvalidArgumentError(faultLine(name_, 0, foreign.what, foreign.todo));
  }
  textual_ = looksLikeText(head);
  return absl::OkStatus();
}

absl::Status ProfileScanner::run() {
  if (absl::Status status = lookAtHead(); !status.ok()) {
    return status;
  }
  while (window_.ensure(1)) {
    if (absl::Status status = nextField(); !status.ok()) {
      return status;
    }
  }
  if (!window_.status().ok()) {
    return window_.status();
  }
  out_.messageBytes = window_.offset();
  return resolve();
}

absl::Status ProfileScanner::nextField() {
  const std::uint64_t start = window_.offset();
  window_.ensure(kLongestTagAndLength);
  const std::uint8_t* data = window_.data();
  FieldCursor cursor(data, data + std::min(window_.available(), kLongestTagAndLength));
  Field field;
  bool readable = cursor.tag(&field);
  if (readable && field.type == WireType::kBytes) {
    if (cursor.varint(&field.value)) {
      window_.consume(static_cast<std::size_t>(cursor.at() - data));
      return bytesField(field, start);
    }
    readable = false;
  }
  if (readable) {
    cursor = FieldCursor(data, data + std::min(window_.available(), kLongestTagAndLength));
    readable = cursor.next(&field);
  }
  if (!readable) {
    const bool cut = window_.available() < kLongestTagAndLength && cursor.ranOut();
    const std::uint64_t at = start + static_cast<std::uint64_t>(cursor.at() - data);
    return cut ? ended(at, cursor.wrong()) : wrong(at, cursor.wrong());
  }
  window_.consume(static_cast<std::size_t>(cursor.at() - data));
  return plainField(field, start);
}

absl::Status ProfileScanner::plainField(const Field& field, std::uint64_t start) {
  if (!RowDecoder::knows(field.number) && field.number != kSnapshotField) {
    ++out_.unknownFields;
    return absl::OkStatus();
  }
  if (field.type != WireType::kVarint || !rows_.number(field.number, field.value)) {
    return wrong(start, rows_.fault().empty()
                            ? absl::StrCat("field ", field.number, " has the wrong wire type")
                            : rows_.fault());
  }
  return absl::OkStatus();
}

absl::Status ProfileScanner::bytesField(const Field& field, std::uint64_t start) {
  const auto describe = [&field](auto... rest) {
    return absl::StrCat("field ", field.number, " of ", field.value, " bytes", rest...);
  };
  if (field.value > window_.mostLeft()) {
    return ended(start, describe(", but ", window_.mostLeft(), " are left"));
  }
  const bool snapshot = field.number == kSnapshotField;
  if (!snapshot && !RowDecoder::knows(field.number)) {
    ++out_.unknownFields;
    return window_.skip(field.value) ? absl::OkStatus() : ended(start, describe(" ends in the middle"));
  }
  if (field.value > limitOf(field.number)) {
    return wrong(start, describe(", above the limit of ", limitOf(field.number)));
  }
  const auto size = static_cast<std::size_t>(field.value);
  if (!window_.ensure(size)) {
    return ended(start, describe(" ends in the middle"));
  }
  Field content = field;
  content.data = window_.data();
  content.end = content.data + size;
  if (field.number == RowDecoder::kSample) {
    rows_.lookAhead(FieldCursor(content.end, window_.data() + window_.available()));
  }
  if (snapshot) {
    if (absl::Status status = snapshotChunk(content, start); !status.ok()) {
      return status;
    }
  } else if (!rows_.message(field.number, FieldCursor(content), start)) {
    const std::uint8_t* at = rows_.faultAt();
    return wrong(at == nullptr ? start : window_.offset() + static_cast<std::uint64_t>(at - content.data),
                 rows_.fault());
  }
  window_.consume(size);
  return absl::OkStatus();
}

absl::Status ProfileScanner::snapshotChunk(const Field& field, std::uint64_t start) {
  if (!out_.hasHeapSnapshot) {
    out_.hasHeapSnapshot = true;
    rows_.places.snapshot = start;
  }
  std::uint64_t bytes = 0;
  const bool readable = merger_.check(FieldCursor(field), &bytes);
  if (readable && !rows_.charge(bytes)) {
    return wrong(start, rows_.fault());
  }
  if (!readable || !merger_.take(FieldCursor(field), out_.samples.size())) {
    const std::uint8_t* at = merger_.faultAt();
    return wrong(at == nullptr ? start : window_.offset() + static_cast<std::uint64_t>(at - field.data),
                 merger_.fault());
  }
  return absl::OkStatus();
}

absl::Status ProfileScanner::faultIn(const Fault& fault) {
  const RowPlaces& places = rows_.places;
  std::uint64_t offset = 0;
  switch (fault.place) {
    case Place::kProfile:
      break;
    case Place::kSampleType:
      offset = places.sampleTypes.at(fault.row);
      break;
    case Place::kSample:
      offset = places.samples.at(fault.row);
      break;
    case Place::kLocation:
      offset = places.locations.at(fault.row);
      break;
    case Place::kFunction:
      offset = places.functions.at(fault.row);
      break;
    case Place::kMapping:
      offset = places.mappings.at(fault.row);
      break;
    case Place::kSnapshot:
      offset = places.snapshot;
      break;
  }
  return wrong(offset, absl::StrCat(describePlace(fault), ": ", fault.what));
}

absl::Status ProfileScanner::defineIds() {
  std::vector<std::uint64_t> mappingIds;
  for (const Mapping& mapping : out_.mappings) {
    mappingIds.push_back(mapping.id);
  }
  const struct {
    Place place;
    IdTable* table;
    const std::vector<std::uint64_t>* ids;
  } tables[] = {{Place::kMapping, &rows_.mappingIds, &mappingIds},
                {Place::kFunction, &rows_.functionIds, &out_.functions.id},
                {Place::kLocation, &rows_.locationIds, &out_.locations.id}};
  for (const auto& [place, table, ids] : tables) {
    const Row duplicate = table->define(*ids);
    if (duplicate != kNoRow) {
      return faultIn({place, duplicate, absl::StrCat("the id ", (*ids)[duplicate], " occurs twice")});
    }
  }
  return absl::OkStatus();
}

absl::Status ProfileScanner::resolveLocations() {
  LocationColumns& locations = out_.locations;
  for (std::size_t row = 0; row < locations.size(); ++row) {
    const IdTable::Token mapping = locations.mapping[row];
    locations.mapping[row] = rows_.mappingIds.rowOf(mapping);
    if (mapping != 0 && locations.mapping[row] == kNoRow) {
      return faultIn({Place::kLocation, row,
                      absl::StrCat("mapping ", rows_.mappingIds.idOf(mapping), " is not in the file")});
    }
    for (std::uint64_t i = locations.lineBegin[row]; i < locations.lineBegin[row + 1]; ++i) {
      const IdTable::Token function = locations.lineFunction[i];
      locations.lineFunction[i] = rows_.functionIds.rowOf(function);
      if (locations.lineFunction[i] == kNoRow) {
        return faultIn({Place::kLocation, row,
                        absl::StrCat("function ", rows_.functionIds.idOf(function), " is not in the file")});
      }
    }
  }
  return absl::OkStatus();
}

absl::Status ProfileScanner::resolveSamples() {
  SampleColumns& samples = out_.samples;
  if (samples.size() != 0 && rows_.valuesPerSample != out_.sampleTypes.size()) {
    return faultIn({Place::kSample, 0,
                    absl::StrCat(rows_.valuesPerSample, " values where the profile has ",
                                 out_.sampleTypes.size(), " sample types")});
  }
  std::uint64_t missing = 0;
  const Row stack = rows_.stacks.resolve(rows_.locationIds, &samples.stacks, &missing);
  if (stack == kNoRow) {
    return absl::OkStatus();
  }
  const auto first = std::find(samples.stack.begin(), samples.stack.end(), stack);
  return faultIn({Place::kSample, static_cast<std::size_t>(first - samples.stack.begin()),
                  absl::StrCat("location ", missing, " is not in the file")});
}

absl::Status ProfileScanner::resolve() {
  if (!rows_.sawString) {
    return ended(window_.offset(), "the message ends without a string table");
  }
  for (auto step :
       {&ProfileScanner::defineIds, &ProfileScanner::resolveLocations, &ProfileScanner::resolveSamples}) {
    if (absl::Status status = (this->*step)(); !status.ok()) {
      return status;
    }
  }
  if (out_.hasHeapSnapshot && out_.heapSnapshot.string_table_size() == 0) {
    out_.heapSnapshot.add_string_table("");  // a table that was left out has its entry 0 all the same
  }
  const std::optional<Fault> fault = checkColumns(out_);
  return fault ? faultIn(*fault) : absl::OkStatus();
}

}  // namespace heapprof::formats

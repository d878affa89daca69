#include "formats/pprof/row_decoder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace heapprof::formats {
namespace {

// Room for some rows more, in large steps: what is reserved and never touched costs no memory, but each step
// leaves the old copy behind in the heap. Steps of four leave a third of a column, doubling as much as the
// column itself.
template <class T>
void growAmply(std::vector<T>& column) {
  constexpr std::size_t kRowEntries = 64;
  if (column.capacity() - column.size() < kRowEntries) {
    column.reserve(4 * (column.size() + kRowEntries));
  }
}

absl::string_view viewOf(const Field& field) {
  return absl::string_view(reinterpret_cast<const char*>(field.data),
                           static_cast<std::size_t>(field.end - field.data));
}

}  // namespace

void RowOffsets::push(std::uint64_t offset) {
  const auto low = static_cast<std::uint32_t>(offset);
  const std::uint64_t carriesWanted = offset >> 32;
  while (carries_.size() < carriesWanted) {
    carries_.push_back(low_.size());
  }
  low_.push_back(low);
}

std::uint64_t RowOffsets::at(std::size_t row) const {
  const auto carries = std::upper_bound(carries_.begin(), carries_.end(), row) - carries_.begin();
  return (static_cast<std::uint64_t>(carries) << 32) + low_[row];
}

bool RowDecoder::fail(const std::uint8_t* at, std::string what) {
  if (fault_.empty()) {  // the innermost message knows best
    faultAt_ = at;
    fault_ = std::move(what);
  }
  return false;
}

bool RowDecoder::charge(std::uint64_t bytes) {
  charged_ += bytes;
  return charged_ <= budget_ ||
         fail(nullptr,
              absl::StrCat("what came so far needs more memory than the limit of ", budget_, " bytes"));
}

bool RowDecoder::label(FieldCursor content) {
  LabelColumns& labels = out_.samples.labels;
  StringIndex key = 0, str = 0, unit = 0;
  std::int64_t num = 0;
  const bool fits = eachField("label", content, [&](const Field& field) {
    switch (field.number) {
      case 1:
        return text(field, &key);
      case 2:
        return text(field, &str);
      case 3:
        return signedNumber(field, &num);
      case 4:
        return text(field, &unit);
      default:
        ++out_.unknownFields;
        return true;
    }
  });
  labels.key.push_back(key);
  labels.str.push_back(str);
  labels.num.push_back(num);
  labels.unit.push_back(unit);
  return fits && charge(20);
}

void RowDecoder::keepRoom() {
  SampleColumns& samples = out_.samples;
  growAmply(samples.stack);
  growAmply(samples.values);
  growAmply(samples.labelBegin);
  growAmply(samples.labels.key);
  growAmply(samples.labels.str);
  growAmply(samples.labels.num);
  growAmply(samples.labels.unit);
}

// The ids of nearly all samples are one packed field, taken as it is. Others are joined into one.
bool RowDecoder::stackPart(const Field& field) {
  if (field.type == WireType::kBytes && ids_.data == nullptr && !idsJoined_) {
    ids_ = field;
    return true;
  }
  const auto join = [this](std::uint64_t id) { joinedIds_.varint(id); };
  if (!idsJoined_) {
    idsJoined_ = true;
    joinedIds_.clear();
    if (ids_.data != nullptr && !eachNumber(ids_, join)) {
      return false;
    }
  }
  return eachNumber(field, join);
}

bool RowDecoder::endStack() {
  if (idsJoined_) {
    ids_.type = WireType::kBytes;
    ids_.data = reinterpret_cast<const std::uint8_t*>(joinedIds_.bytes().data());
    ids_.end = ids_.data + joinedIds_.bytes().size();
  }
  const absl::string_view ids = viewOf(ids_);
  if (ids.data() == nullptr || ids.data() != key_.ids.data() || ids.size() != key_.ids.size()) {
    key_ = StackTable::Key(ids);
  }
  Row row = stacks.find(key_);
  if (row == kNoRow) {
    std::size_t locations = 0;
    if (ids_.data != nullptr && !eachNumber(ids_, [&locations](std::uint64_t) { ++locations; })) {
      return false;
    }
    if (!charge(StackTable::kStackBytes + ids.size() + sizeof(Row) * locations)) {
      return false;
    }
    row = stacks.add(key_, locations);
  }
  out_.samples.stack.push_back(row);
  return true;
}

void RowDecoder::lookAhead(FieldCursor next) {
  key_ = std::exchange(nextKey_, StackTable::Key());
  if (const char* list = stacks.listOf(key_); list != nullptr) {
    __builtin_prefetch(list);
    __builtin_prefetch(list + 64);  // most are longer than a line
  }
  Field row, ids;
  if (!next.atEnd() && next.next(&row) && row.number == kSample && row.type == WireType::kBytes) {
    FieldCursor content(row);
    if (!content.atEnd() && content.next(&ids) && ids.number == 1 && ids.type == WireType::kBytes) {
      nextKey_ = StackTable::Key(viewOf(ids));
      __builtin_prefetch(stacks.slotOf(nextKey_));
    }
  }
}

bool RowDecoder::sample(FieldCursor content) {
  keepRoom();
  SampleColumns& samples = out_.samples;
  ids_ = Field();
  idsJoined_ = false;
  const std::size_t valuesBefore = samples.values.size();
  const std::uint8_t* start = content.at();
  const bool fits = eachField("sample", content, [&](const Field& field) {
    switch (field.number) {
      case 1:
        return stackPart(field);
      case 2:
        return eachNumber(
            field, [&](std::uint64_t value) { samples.values.push_back(static_cast<std::int64_t>(value)); });
      case 3:
        return isBytes(field) && label(FieldCursor(field));
      default:
        ++out_.unknownFields;
        return true;
    }
  });
  if (!fits || !endStack()) {
    return false;
  }
  const std::size_t values = samples.values.size() - valuesBefore;
  if (samples.size() == 1) {
    valuesPerSample = values;
  }
  if (values != valuesPerSample) {
    return fail(start,
                absl::StrCat("a sample with ", values, " values where the others have ", valuesPerSample));
  }
  samples.labelBegin.push_back(samples.labels.key.size());
  return charge(20 + 8 * values);
}

bool RowDecoder::valueType(FieldCursor content, ValueType* type) {
  return eachField("value type", content, [&](const Field& field) {
    switch (field.number) {
      case 1:
        return text(field, &type->type);
      case 2:
        return text(field, &type->unit);
      default:
        ++out_.unknownFields;
        return true;
    }
  });
}

bool RowDecoder::string(FieldCursor content) {
  const auto* begin = reinterpret_cast<const char*>(content.at());
  const std::size_t size = content.left();
  if (!sawString) {
    sawString = true;
    out_.strings.clear();
    if (size != 0) {
      return fail(content.at(), "string_table[0] is not the empty string");
    }
  }
  out_.strings.emplace_back(begin, size);
  return charge(sizeof(std::string) + (size > 15 ? size + 1 : 0));
}

bool RowDecoder::figure(std::uint32_t number, std::uint64_t value) {
  switch (number) {
    case 7:
      return toIndex(value, &out_.dropFrames);
    case 8:
      return toIndex(value, &out_.keepFrames);
    case 9:
      out_.timeNanos = static_cast<std::int64_t>(value);
      return true;
    case 10:
      out_.durationNanos = static_cast<std::int64_t>(value);
      return true;
    case 12:
      out_.period = static_cast<std::int64_t>(value);
      return true;
    case 13:
      out_.comments.push_back(0);
      return toIndex(value, &out_.comments.back()) && charge(sizeof(StringIndex));
    case 14:
      return toIndex(value, &out_.defaultSampleType);
    default:
      reason_ = "has the wrong wire type";
      return false;
  }
}

bool RowDecoder::packedNumbers(std::uint32_t number, FieldCursor content) {
  if (number != 13) {
    reason_ = "has the wrong wire type";
    return false;
  }
  while (!content.atEnd()) {
    std::uint64_t value = 0;
    if (!content.varint(&value)) {
      return fail(content.at(), content.wrong());
    }
    if (!figure(number, value)) {
      return false;
    }
  }
  return true;
}

bool RowDecoder::rowOf(std::uint32_t number, FieldCursor content, std::uint64_t offset) {
  switch (number) {
    case 1:
      places.sampleTypes.push(offset);
      out_.sampleTypes.emplace_back();
      return valueType(content, &out_.sampleTypes.back()) && charge(sizeof(ValueType));
    case 2:
      places.samples.push(offset);
      return sample(content);
    case 3:
      places.mappings.push(offset);
      return mapping(content);
    case 4:
      places.locations.push(offset);
      return location(content);
    case 5:
      places.functions.push(offset);
      return function(content);
    case 6:
      return string(content);
    case 11:
      return valueType(content, &out_.periodType);
    default:
      return packedNumbers(number, content);
  }
}

bool RowDecoder::message(std::uint32_t number, FieldCursor content, std::uint64_t offset) {
  const std::uint64_t idBytes = locationIds.largeBytes() + functionIds.largeBytes() + mappingIds.largeBytes();
  const bool affordable = charge(idBytes - chargedForIds_);
  chargedForIds_ = idBytes;
  return affordable &&
         (rowOf(number, content, offset) || fail(nullptr, absl::StrCat("field ", number, " ", reason_)));
}

bool RowDecoder::number(std::uint32_t number, std::uint64_t value) {
  return figure(number, value) || fail(nullptr, absl::StrCat("field ", number, " ", reason_));
}

}  // namespace heapprof::formats

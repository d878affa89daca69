// The rows that name code: mappings, locations with their inlined lines, functions.
#include "absl/strings/str_cat.h"

#include "formats/pprof/row_decoder.h"

namespace heapprof::formats {

bool RowDecoder::mapping(FieldCursor content) {
  Mapping row;
  const std::uint8_t* start = content.at();
  const bool fits = eachField("mapping", content, [&](const Field& field) {
    switch (field.number) {
      case 1:
        return count(field, &row.id);
      case 2:
        return count(field, &row.start);
      case 3:
        return count(field, &row.limit);
      case 4:
        return count(field, &row.offset);
      case 5:
        return text(field, &row.file);
      case 6:
        return text(field, &row.buildId);
      case 7:
        return flag(field, &row.hasFunctions);
      case 8:
        return flag(field, &row.hasFilenames);
      case 9:
        return flag(field, &row.hasLineNumbers);
      case 10:
        return flag(field, &row.hasInlineFrames);
      default:
        ++out_.unknownFields;
        return true;
    }
  });
  if (fits && row.id == 0) {
    return fail(start, "a mapping whose id is 0");
  }
  out_.mappings.push_back(row);
  return fits && charge(sizeof row);
}

bool RowDecoder::line(FieldCursor content) {
  LocationColumns& locations = out_.locations;
  std::uint64_t function = 0;
  std::int64_t line = 0, column = 0;
  const bool fits = eachField("line", content, [&](const Field& field) {
    switch (field.number) {
      case 1:
        return count(field, &function);
      case 2:
        return signedNumber(field, &line);
      case 3:
        return signedNumber(field, &column);
      default:
        ++out_.unknownFields;
        return true;
    }
  });
  locations.lineFunction.push_back(functionIds.token(function));
  locations.lineNumber.push_back(line);
  locations.lineColumn.push_back(column);
  return fits && charge(20);
}

bool RowDecoder::location(FieldCursor content) {
  LocationColumns& locations = out_.locations;
  std::uint64_t id = 0, mappingId = 0, address = 0;
  bool folded = false;
  const std::uint8_t* start = content.at();
  const bool fits = eachField("location", content, [&](const Field& field) {
    switch (field.number) {
      case 1:
        return count(field, &id);
      case 2:
        return count(field, &mappingId);
      case 3:
        return count(field, &address);
      case 4:
        return isBytes(field) && line(FieldCursor(field));
      case 5:
        return flag(field, &folded);
      default:
        ++out_.unknownFields;
        return true;
    }
  });
  if (fits && id == 0) {
    return fail(start, "a location whose id is 0");
  }
  locations.id.push_back(id);
  locations.mapping.push_back(mappingIds.token(mappingId));
  locations.address.push_back(address);
  locations.folded.push_back(folded ? 1 : 0);
  locations.lineBegin.push_back(locations.lineNumber.size());
  return fits && charge(37);
}

bool RowDecoder::function(FieldCursor content) {
  FunctionColumns& functions = out_.functions;
  std::uint64_t id = 0;
  StringIndex name = 0, systemName = 0, file = 0;
  std::int64_t startLine = 0;
  const std::uint8_t* start = content.at();
  const bool fits = eachField("function", content, [&](const Field& field) {
    switch (field.number) {
      case 1:
        return count(field, &id);
      case 2:
        return text(field, &name);
      case 3:
        return text(field, &systemName);
      case 4:
        return text(field, &file);
      case 5:
        return signedNumber(field, &startLine);
      default:
        ++out_.unknownFields;
        return true;
    }
  });
  if (fits && id == 0) {
    return fail(start, "a function whose id is 0");
  }
  functions.id.push_back(id);
  functions.name.push_back(name);
  functions.systemName.push_back(systemName);
  functions.file.push_back(file);
  functions.startLine.push_back(startLine);
  return fits && charge(32);
}

}  // namespace heapprof::formats

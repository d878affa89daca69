#include "profiler/symbols/merge.h"

#include <algorithm>

namespace heapprof::symbols {

using formats::Row;
using formats::StringIndex;

Merger::Merger(formats::ProfileColumns* profile, NameLevel names)
    : profile_(*profile), names_(names), added_(profile->locations.size()) {
  for (std::size_t i = 0; i < profile_.strings.size(); ++i) {
    strings_.try_emplace(profile_.strings[i], static_cast<StringIndex>(i));
  }
  const formats::FunctionColumns& functions = profile_.functions;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    functions_.try_emplace({functions.name[i], functions.file[i]}, static_cast<Row>(i));
    nextFunctionId_ = std::max(nextFunctionId_, functions.id[i] + 1);
  }
}

StringIndex Merger::intern(const std::string& text) {
  auto [entry, isNew] = strings_.try_emplace(text, static_cast<StringIndex>(profile_.strings.size()));
  if (isNew) profile_.strings.push_back(text);
  return entry->second;
}

Row Merger::function(const Frame& frame) {
  const StringIndex name = intern(nameAt(names_, frame.name, frame.systemName)), file = intern(frame.file);
  formats::FunctionColumns& functions = profile_.functions;
  auto [entry, isNew] = functions_.try_emplace({name, file}, static_cast<Row>(functions.size()));
  if (isNew) {
    functions.id.push_back(nextFunctionId_++);
    functions.name.push_back(name);
    functions.systemName.push_back(intern(frame.systemName));
    functions.file.push_back(file);
    functions.startLine.push_back(frame.startLine);
  }
  return entry->second;
}

void Merger::add(Row location, const std::vector<Frame>& frames) {
  for (const Frame& frame : frames) added_[location].push_back({function(frame), frame.line, frame.column});
}

void Merger::add(Row location, const formats::ProfileColumns& from, Row fromLocation,
                 std::vector<Row>* functions) {
  const formats::LocationColumns& lines = from.locations;
  const formats::FunctionColumns& theirs = from.functions;
  functions->resize(theirs.size(), formats::kNoRow);
  for (auto k = lines.lineBegin[fromLocation]; k < lines.lineBegin[fromLocation + std::size_t{1}]; ++k) {
    const Row row = lines.lineFunction[k];
    Row& known = (*functions)[row];
    if (known == formats::kNoRow) {
      Frame frame;
      frame.name = from.strings[theirs.name[row]];
      frame.systemName = from.strings[theirs.systemName[row]];
      frame.file = from.strings[theirs.file[row]];
      frame.startLine = theirs.startLine[row];
      known = function(frame);
    }
    added_[location].push_back({known, lines.lineNumber[k], lines.lineColumn[k]});
  }
}

void Merger::finish() {
  formats::LocationColumns& locations = profile_.locations;
  formats::LocationColumns fresh;
  fresh.lineBegin.reserve(locations.lineBegin.size());
  for (std::size_t row = 0; row < locations.size(); ++row) {
    for (auto i = locations.lineBegin[row]; i < locations.lineBegin[row + 1]; ++i) {
      fresh.lineFunction.push_back(locations.lineFunction[i]);
      fresh.lineNumber.push_back(locations.lineNumber[i]);
      fresh.lineColumn.push_back(locations.lineColumn[i]);
    }
    for (const NewLine& line : added_[row]) {
      fresh.lineFunction.push_back(line.function);
      fresh.lineNumber.push_back(line.line);
      fresh.lineColumn.push_back(line.column);
    }
    fresh.lineBegin.push_back(fresh.lineFunction.size());
  }
  locations.lineBegin = std::move(fresh.lineBegin);
  locations.lineFunction = std::move(fresh.lineFunction);
  locations.lineNumber = std::move(fresh.lineNumber);
  locations.lineColumn = std::move(fresh.lineColumn);
}

}  // namespace heapprof::symbols

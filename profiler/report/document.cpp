#include "profiler/report/document.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "profiler/report/cells.h"

namespace heapprof::report {

absl::Span<const Emitter> emitters() {
  static constexpr Emitter kEmitters[] = {
      {"text", emitText}, {"json", emitJson},   {"csv", emitCsv},
      {"tsv", emitTsv},   {"md", emitMarkdown}, {"html", emitHtml},
  };
  return kEmitters;
}

absl::Status chooseTable(absl::string_view id, Document* document) {
  if (id == "facts") {
    document->tables = {factTable(document->facts)};
    document->facts.clear();
    return absl::OkStatus();
  }
  std::string known;
  for (model::Table& table : document->tables) {
    if (id == table.id) {
      document->tables = {model::Table(std::move(table))};
      document->facts.clear();
      return absl::OkStatus();
    }
    absl::StrAppend(&known, table.id, ", ");
  }
  return absl::InvalidArgumentError(absl::StrCat("--table ", id, ": ", document->verb,
                                                 " has no such table here; use one of ", known, "facts"));
}

absl::StatusOr<std::string> emit(absl::string_view format, const Document& document) {
  std::string known;
  for (const Emitter& emitter : emitters()) {
    if (format == emitter.name) return emitter.emit(document);
    absl::StrAppend(&known, known.empty() ? "" : ", ", emitter.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--format ", format, ": there is no such format; use one of ", known));
}

}  // namespace heapprof::report

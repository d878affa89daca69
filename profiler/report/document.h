// What a verb has to say, before a format is chosen: facts (one figure each) and tables. Emitters turn it
// into text, JSON, ...; a verb never writes two of them by hand.
//
// Invariant: plain data. A fact without a value is unknown and stays out of text; in JSON it is null.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"

#include "profiler/model/table.h"

namespace heapprof::report {

struct Fact {
  std::string id;     // snake_case: the JSON key
  std::string title;  // what a person reads
  model::Unit unit = model::Unit::kText;
  std::string text;              // kText
  absl::optional<double> value;  // all other units
  absl::optional<double> error;  // standard error
};

inline Fact textFact(std::string id, std::string title, std::string text) {
  Fact fact;
  fact.id = std::move(id);
  fact.title = std::move(title);
  fact.text = std::move(text);
  return fact;
}

inline Fact numberFact(std::string id, std::string title, model::Unit unit, absl::optional<double> value,
                       absl::optional<double> error = absl::nullopt) {
  Fact fact;
  fact.id = std::move(id);
  fact.title = std::move(title);
  fact.unit = unit;
  fact.value = value;
  fact.error = error;
  return fact;
}

struct Document {
  std::string verb;
  std::vector<Fact> facts;
  std::vector<model::Table> tables;
  std::vector<std::string> notes;
  // How a person reads this verb; the generic listing of facts and tables where it is empty.
  std::function<std::string()> text;
  bool fixedText = false;  // pprof's to the byte, or a raster: not broken at a terminal's edge
};

// One row a format. A new format is a row here and a function from a Document; verbs say which ones they
// offer.
struct Emitter {
  const char* name;
  std::string (*emit)(const Document& document);
};
absl::Span<const Emitter> emitters();

// Keeps one table only, "facts" being the facts as a table; any other id is an error that names those there
// are.
absl::Status chooseTable(absl::string_view id, Document* document);

// Error for a format that does not exist: names those that do. csv and tsv hold one table: the document's
// first, its facts where it has none.
absl::StatusOr<std::string> emit(absl::string_view format, const Document& document);

// The generic emitters.
std::string emitText(const Document& document);
std::string emitJson(const Document& document);
std::string emitCsv(const Document& document);
std::string emitTsv(const Document& document);
std::string emitMarkdown(const Document& document);
std::string emitHtml(const Document& document);

}  // namespace heapprof::report

// What a running program answers to `stats`: it is JSON of figures, or one line says that it is not. What was
// taken prints, as text and as JSON that reads back with the same keys.
#include <nlohmann/json.hpp>

#include "profiler/cli/process_flags.h"
#include "profiler/report/document.h"
#include "profiler/report/watch_text.h"
#include "tests/fuzz/property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace report = heapprof::report;
  using heapprof::fuzz::require;
  const auto facts = heapprof::cli::factsOf(std::string(reinterpret_cast<const char*>(data), size));
  if (!facts.ok()) {
    heapprof::fuzz::requireOneLine(facts.status(), "an error");
    return 0;
  }
  report::Document document;
  document.verb = "stats";
  document.facts = *facts;
  require(!report::emitText(document).empty() || facts->empty(), "facts print");
  require(nlohmann::json::parse(report::emitJson(document), nullptr, false).is_object(), "JSON is JSON");
  report::Watch watch;
  watch.facts = watch.lastFacts = *facts;
  require(!report::watchText(watch).empty(), "a watch prints");
  return 0;
}

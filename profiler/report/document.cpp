#include "profiler/report/document.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace heapprof::report {

absl::Span<const Emitter> emitters() {
  static constexpr Emitter kEmitters[] = {
      {"text", emitText},
      {"json", emitJson},
  };
  return kEmitters;
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

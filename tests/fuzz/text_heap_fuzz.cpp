// The property of read_profile_property.h for the text formats: inputs that name neither are given to both.
#include <string>

#include "tests/fuzz/read_profile_property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using heapprof::fuzz::readProfileHoldsItsProperty;
  const std::string input(reinterpret_cast<const char*>(data), size);
  if (input.rfind("heap_v2/", 0) == 0 || input.rfind("heap profile:", 0) == 0) {
    readProfileHoldsItsProperty(data, size);
    return 0;
  }
  for (const char* head : {"heap_v2/512\n", "heap profile: 1: 2 [3: 4] @ heap_v2/512\n"}) {
    const std::string whole = head + input;
    readProfileHoldsItsProperty(reinterpret_cast<const std::uint8_t*>(whole.data()), whole.size());
  }
  return 0;
}

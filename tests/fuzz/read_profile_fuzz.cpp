// Dumps and profiles of any format that the reader takes, packed or not.
#include "tests/fuzz/read_profile_property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  heapprof::fuzz::readProfileHoldsItsProperty(data, size);
  return 0;
}

#include "tests/fuzz/read_profile_property.h"

#include "formats/pprof/read_profile.h"
#include "formats/pprof/write_profile.h"
#include "tests/formats/column_oracle.h"
#include "tests/fuzz/property.h"

namespace heapprof::fuzz {
namespace {

constexpr char kName[] = "fuzz.pb.gz";

}  // namespace

void readProfileHoldsItsProperty(const std::uint8_t* data, std::size_t size) {
  formats::ReadOptions options;
  options.maxMessageBytes = 8 << 20;
  options.maxColumnBytes = 32 << 20;
  const auto profile = formats::readProfileBytes(data, size, kName, options);
  if (!profile.ok()) {
    const std::string message(profile.status().message());
    require(message.rfind(kName, 0) == 0 && message.find('\n') == std::string::npos, "one line: " + message);
    require(message.find("offset ") != std::string::npos && message.find("; ") != std::string::npos,
            "offset and advice: " + message);
    return;
  }
  const absl::Status valid = formats::validate(*profile, kName);
  require(valid.ok(), "accepted but not valid: " + std::string(valid.message()));
  const std::string written = formats::serializeProfile(*profile);
  const auto again = formats::readProfileBytes(written.data(), written.size(), kName);
  require(again.ok(), "written but not read: " + std::string(again.status().message()));
  const std::string difference = formats::testing::difference(*again, *profile);
  require(difference.empty(), "write(read(x)) != x: " + difference);
}

}  // namespace heapprof::fuzz

// wild_profile SEED FILE [plain|gzip]: writes a profile of wildColumns(), for tests that need a file.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "formats/pprof/write_profile.h"
#include "tests/profiler/support/snapshot_maker.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: wild_profile SEED FILE [plain|gzip]\n", stderr);
    return 2;
  }
  const std::uint64_t seed = std::strtoull(argv[1], nullptr, 10);
  const bool plain = argc > 3 && std::string(argv[3]) == "plain";
  const heapprof::formats::ProfileColumns columns = heapprof::test::wildColumns(
      seed, {.negative = seed % 2 == 0, .labels = seed % 3 != 0, .variances = false});
  const absl::Status written = heapprof::formats::writeProfile(
      columns, argv[2],
      plain ? heapprof::formats::Compression::kNone : heapprof::formats::Compression::kGzip);
  if (written.ok()) return 0;
  std::fprintf(stderr, "%s\n", std::string(written.message()).c_str());
  return 1;
}

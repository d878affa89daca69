// Made the frozen dumps of dumps/v1 and the fuzzer's seeds; kept so that one can see what is in them.
// usage: make_corpus dumps|seeds FOLDER. An existing file is never replaced: what is frozen stays.
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <zstd.h>

#include "formats/pprof/row_bytes.h"
#include "formats/wire/gzip_sink.h"
#include "tests/formats/made_profiles.h"

namespace {

using heapprof::formats::RowBytes;
using heapprof::pprof::Profile;
namespace made = heapprof::formats::testing;

bool write(const std::string& path, const std::string& bytes) {
  if (std::ifstream(path).good()) {
    std::fprintf(stderr, "make_corpus: %s is frozen and stays\n", path.c_str());
    return true;
  }
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  return static_cast<bool>(file.flush());
}

std::string zstdCompressed(const std::string& bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

// As the runtime frames it: gzip of stored blocks.
std::string stored(const std::string& bytes) {
  std::string out;
  heapprof::wire::GzipSink gzip({[](void* context, const void* data, std::size_t size) {
                                   static_cast<std::string*>(context)->append(static_cast<const char*>(data),
                                                                              size);
                                   return true;
                                 },
                                 &out});
  const heapprof::wire::Sink sink = gzip.sink();
  sink.put(sink.context, bytes.data(), bytes.size());
  gzip.finish();
  return out;
}

std::string minimal() {
  Profile profile;
  profile.add_string_table("");
  return profile.SerializeAsString();
}

// What a version 2 might write: a higher format version, new parts, new fields of each wire type, new enum
// values.
std::string laterVersion() {
  Profile profile = made::dumpLikeProfile();
  heapprof::HeapSnapshot* snapshot = profile.mutable_heap_snapshot();
  snapshot->mutable_header()->set_format_version(2);
  snapshot->mutable_extents()->set_kind(1, 77);
  const auto addTo = [](google::protobuf::Message* message) {
    auto* unknown = message->GetReflection()->MutableUnknownFields(message);
    unknown->AddLengthDelimited(900, "a part of a later version");
    unknown->AddVarint(901, 12345678901);
    unknown->AddFixed64(902, 1);
    unknown->AddFixed32(903, 2);
  };
  addTo(snapshot);
  addTo(snapshot->mutable_header());
  addTo(snapshot->mutable_extents());
  addTo(snapshot->mutable_purges()->mutable_events(0));
  addTo(&profile);
  addTo(profile.mutable_sample(0));
  addTo(profile.mutable_location(0));
  addTo(profile.mutable_function(0));
  return profile.SerializeAsString();
}

bool dumps(const std::string& folder) {
  const std::string dump = made::dumpLikeProfile().SerializeAsString();
  std::uint64_t unknown = 0;
  return write(folder + "/minimal.pb", minimal()) &&
         write(folder + "/dump_like.pb.gz", made::gzipped(dump)) &&
         write(folder + "/dump_like.pb.zst", zstdCompressed(dump)) &&
         write(folder + "/as_the_runtime_frames.pb.gz", stored(dump)) &&
         write(folder + "/two_members.pb.gz",
               made::gzipped(dump.substr(0, 300)) + stored(dump.substr(300))) &&
         write(folder + "/any_order.pb.gz",
               made::gzipped(made::shuffledBytes(made::randomProfile(12), 3, &unknown))) &&
         write(folder + "/later_version.pb.gz", made::gzipped(laterVersion()));
}

bool seeds(const std::string& folder) {
  const std::string dump = made::dumpLikeProfile().SerializeAsString();
  bool ok = write(folder + "/minimal", minimal()) && write(folder + "/dump", dump) &&
            write(folder + "/dump.gz", made::gzipped(dump)) &&
            write(folder + "/dump.zst", zstdCompressed(dump)) && write(folder + "/stored.gz", stored(dump)) &&
            write(folder + "/later", laterVersion()) &&
            write(folder + "/cut", dump.substr(0, dump.size() * 2 / 3)) &&
            write(folder + "/four_gigabytes", dump + std::string("\x12\xff\xff\xff\xff\x0f", 6)) &&
            write(folder + "/group", dump + std::string("\x0b\x0c", 2)) &&
            write(folder + "/jemalloc_text", "heap_v2/524288\n  t*: 1: 2 [0: 0]\n");
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    std::uint64_t unknown = 0;
    ok = ok && write(folder + "/random_" + std::to_string(seed),
                     made::shuffledBytes(made::randomProfile(seed), seed, &unknown));
  }
  return ok;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 3 ? argv[1] : "";
  if (what != "dumps" && what != "seeds") {
    std::fputs("usage: make_corpus dumps|seeds FOLDER\n", stderr);
    return 2;
  }
  return (what == "dumps" ? dumps(argv[2]) : seeds(argv[2])) ? 0 : 1;
}

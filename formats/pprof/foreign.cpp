#include "formats/pprof/foreign.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace heapprof::formats {
namespace {

using absl::string_view;

struct Signature {
  string_view bytes;
  std::size_t at;
  Foreign foreign;
};

constexpr char kGiveDump[] = "give the dump (.pb.gz) itself";
constexpr char kUnpack[] = "unpack it first: gzip and zstd are read as they are";
constexpr char kConvert[] = "have its own tool convert it to pprof's protobuf format";

constexpr Signature kSignatures[] = {
    {"\x7f"
     "ELF",
     0,
     {"an ELF file (a program or a core), not a profile", "record it with heapprof run, then give the dump"}},
    {"--- ", 0, {"a text profile, which this version does not read", kConvert}},
    {"%warn", 0, {"a text profile, which this version does not read", kConvert}},
    {"MAPPED_LIBRARIES:", 0, {"a memory map in text, not a profile", kGiveDump}},
    {"desc: ", 0, {"a valgrind massif file, which is not read", kConvert}},
    {"PERFILE2", 0, {"a perf.data file, which is not read", kConvert}},
    {"SQLite format 3", 0, {"an SQLite database, not a profile", kGiveDump}},
    {"PK\x03\x04", 0, {"a zip archive", kUnpack}},
    {"\xfd"
     "7zXZ",
     0,
     {"an xz file", kUnpack}},
    {"BZh", 0, {"a bzip2 file", kUnpack}},
    {"\x04\x22\x4d\x18", 0, {"an lz4 file", kUnpack}},
    {"\x1f\x8b", 0, {"gzip inside gzip", "unpack it once"}},
    {"\x28\xb5\x2f\xfd", 0, {"zstd inside another compression", "unpack it once"}},
    {"ustar", 257, {"a tar archive", "unpack it and give the dump in it"}},
    {"!<arch>", 0, {"an ar archive, not a profile", kGiveDump}},
    {"\x89PNG", 0, {"a picture, not a profile", kGiveDump}},
    {"%PDF", 0, {"a PDF, not a profile", kGiveDump}},
    {"#!", 0, {"a script, not a profile", kGiveDump}},
    {"<!DOCTYPE", 0, {"an HTML page, not a profile", "was a login page downloaded instead of the dump?"}},
    {"<html", 0, {"an HTML page, not a profile", "was a login page downloaded instead of the dump?"}},
    {"<?xml", 0, {"an XML file, not a profile", kGiveDump}},
};

// A profile's strings may say "ustar" just there; a tar archive has the file's mode in octal besides.
bool mayBeTar(string_view head) {
  const string_view mode = head.substr(100, 7);
  return std::all_of(mode.begin(), mode.end(),
                     [](char c) { return (c >= '0' && c <= '7') || c == ' ' || c == '\0'; });
}

}  // namespace

Foreign recogniseForeign(string_view head) {
  for (const Signature& signature : kSignatures) {
    if (head.size() >= signature.at && absl::StartsWith(head.substr(signature.at), signature.bytes) &&
        (signature.at == 0 || mayBeTar(head))) {
      return signature.foreign;
    }
  }
  return Foreign{};
}

bool looksLikeText(string_view head) {
  return !head.empty() && std::all_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 ? byte != 0x7f : (byte >= '\t' && byte <= '\r');
  });
}

}  // namespace heapprof::formats

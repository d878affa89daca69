// A file that appears whole or not at all: bytes go through a compressor to PATH.tmp, which commit() renames.
//
// Invariant: before commit() gave OK whatever stood at PATH stands there still; without commit() the
// destructor takes PATH.tmp away. A path that is no regular file (a pipe, a device) is written directly. Mode
// 0600. One thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"

#include "formats/pprof/write_profile.h"
#include "formats/wire/writer.h"

namespace heapprof::formats {

class OutputFile {
 public:
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  absl::Status open(Compression compression);
  wire::Sink sink();
  absl::Status commit();

 private:
  class Compressor;
  class GzipCompressor;
  class ZstdCompressor;
  bool put(const void* data, std::size_t size);
  bool toDisk(const void* data, std::size_t size);
  absl::Status failed(const char* doing) const;

  std::string path_;
  std::string temporary_;  // where the bytes go; path_ itself when that is no regular file
  int file_ = -1;
  int error_ = 0;
  std::unique_ptr<Compressor> compressor_;
};

}  // namespace heapprof::formats

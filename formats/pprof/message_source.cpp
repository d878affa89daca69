#include "formats/pprof/message_source.h"

#include <algorithm>
#include <cstring>
#include <zlib.h>
#include <zstd.h>

#include "formats/pprof/fault.h"

namespace heapprof::formats {
namespace {

constexpr int kZstdWindowLog = 27;  // 128 MiB: zstd's own default limit, set so that it cannot drift

class PlainSource final : public MessageSource {
 public:
  PlainSource(RawInput& input, Bytes first) : input_(input), piece_(first) {}

  absl::StatusOr<std::size_t> read(std::uint8_t* out, std::size_t size) override {
    if (piece_.empty()) {
      if (absl::Status status = input_.next(&piece_); !status.ok()) {
        return status;
      }
    }
    const std::size_t taken = std::min(size, piece_.size());
    if (taken != 0) {
      std::memcpy(out, piece_.data(), taken);
      piece_.remove_prefix(taken);
    }
    return taken;
  }
  std::uint64_t messageBytes() const override { return input_.total(); }

 private:
  RawInput& input_;
  Bytes piece_;
};

class GzipSource final : public MessageSource {
 public:
  GzipSource(RawInput& input, Bytes first) : input_(input), piece_(first) {
    ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK;  // 16: gzip, and only gzip
  }
  ~GzipSource() override {
    if (ready_) {
      inflateEnd(&stream_);
    }
  }

  absl::StatusOr<std::size_t> read(std::uint8_t* out, std::size_t size) override {
    if (!ready_) {
      return absl::ResourceExhaustedError(
          absl::StrCat(input_.name(), ": no memory for zlib; free some memory"));
    }
    const auto wanted = static_cast<uInt>(std::min<std::size_t>(size, 1u << 30));
    stream_.next_out = out;
    stream_.avail_out = wanted;
    while (stream_.avail_out == wanted) {
      if (piece_.empty()) {
        if (absl::Status status = input_.next(&piece_); !status.ok()) {
          return status;
        }
      }
      if (between_ && piece_.empty()) {
        return 0;
      }
      if (absl::Status status = step(); !status.ok()) {
        return status;
      }
    }
    return wanted - stream_.avail_out;
  }

 private:
  absl::Status step() {
    const std::uint64_t at = input_.consumed() - piece_.size();
    if (piece_.empty()) {
      return absl::DataLossError(
          compressedFaultLine(input_.name(), at, "the gzip stream ends in the middle", kCutShort));
    }
    if (between_ && piece_[0] != 0x1f) {
      return absl::DataLossError(compressedFaultLine(input_.name(), at,
                                                     "bytes that are not gzip follow the gzip stream",
                                                     "cut them off, or take the dump again"));
    }
    between_ = false;
    stream_.next_in = const_cast<Bytef*>(piece_.data());  // zlib's signature lacks the const
    stream_.avail_in = static_cast<uInt>(piece_.size());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    piece_.remove_prefix(piece_.size() - stream_.avail_in);
    if (result == Z_STREAM_END) {  // a further member may follow
      between_ = true;
      return inflateReset(&stream_) == Z_OK ? absl::OkStatus() : absl::InternalError("zlib lost its state");
    }
    if (result == Z_OK || result == Z_BUF_ERROR) {
      return absl::OkStatus();
    }
    return absl::DataLossError(compressedFaultLine(
        input_.name(), input_.consumed() - piece_.size(),
        absl::StrCat("gzip: ", stream_.msg != nullptr ? stream_.msg : "not a gzip stream"),
        "the file is damaged: copy it again, or take the dump again"));
  }

  RawInput& input_;
  Bytes piece_;
  z_stream stream_{};
  bool ready_ = false;
  bool between_ = false;  // a member has ended and no other has begun
};

class ZstdSource final : public MessageSource {
 public:
  ZstdSource(RawInput& input, Bytes first) : input_(input), piece_(first), stream_(ZSTD_createDStream()) {
    if (stream_ != nullptr) {
      ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kZstdWindowLog);
    }
  }
  ~ZstdSource() override { ZSTD_freeDStream(stream_); }

  absl::StatusOr<std::size_t> read(std::uint8_t* out, std::size_t size) override {
    if (stream_ == nullptr) {
      return absl::ResourceExhaustedError(
          absl::StrCat(input_.name(), ": no memory for zstd; free some memory"));
    }
    ZSTD_outBuffer output{out, size, 0};
    while (output.pos == 0) {
      if (piece_.empty()) {
        if (absl::Status status = input_.next(&piece_); !status.ok()) {
          return status;
        }
      }
      if (piece_.empty() && hint_ == 0) {
        return 0;
      }
      const bool drained = piece_.empty();
      ZSTD_inBuffer in{piece_.data(), piece_.size(), 0};
      hint_ = ZSTD_decompressStream(stream_, &output, &in);
      piece_.remove_prefix(in.pos);
      const std::uint64_t at = input_.consumed() - piece_.size();
      if (ZSTD_isError(hint_) != 0) {
        return absl::DataLossError(
            compressedFaultLine(input_.name(), at, absl::StrCat("zstd: ", ZSTD_getErrorName(hint_)),
                                "the file is damaged: copy it again, or take the dump again"));
      }
      if (drained && output.pos == 0 && hint_ != 0) {
        return absl::DataLossError(
            compressedFaultLine(input_.name(), at, "the zstd stream ends in the middle", kCutShort));
      }
    }
    return output.pos;
  }

 private:
  RawInput& input_;
  Bytes piece_;
  ZSTD_DStream* stream_;
  std::size_t hint_ = 1;  // 0: a frame is complete and flushed
};

bool startsWith(Bytes piece, std::initializer_list<std::uint8_t> magic) {
  return piece.size() >= magic.size() && std::equal(magic.begin(), magic.end(), piece.begin());
}

}  // namespace

absl::StatusOr<std::unique_ptr<MessageSource>> openMessage(RawInput& input) {
  Bytes first;
  if (absl::Status status = input.next(&first); !status.ok()) {
    return status;
  }
  if (first.empty()) {
    return absl::DataLossError(faultLine(input.name(), 0, "the file is empty",
                                         "no profile came: was the program killed, or its disk full?"));
  }
  std::unique_ptr<MessageSource> source;
  if (startsWith(first, {0x1f, 0x8b})) {
    source = std::make_unique<GzipSource>(input, first);
  } else if (startsWith(first, {0x28, 0xb5, 0x2f, 0xfd})) {
    source = std::make_unique<ZstdSource>(input, first);
  } else {
    source = std::make_unique<PlainSource>(input, first);
  }
  return source;
}

}  // namespace heapprof::formats

#include "formats/pprof/output_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>
#include <zlib.h>
#include <zstd.h>

#include "absl/strings/str_cat.h"

namespace heapprof::formats {
namespace {

constexpr std::size_t kBufferBytes = 256 << 10;
constexpr int kZstdLevel = 3;

}  // namespace

class OutputFile::Compressor {
 public:
  explicit Compressor(OutputFile& file) : file_(file), buffer_(kBufferBytes) {}
  virtual ~Compressor() = default;
  virtual bool ready() const = 0;
  virtual bool put(const void* data, std::size_t size, bool last) = 0;

 protected:
  bool out(std::size_t size) { return file_.toDisk(buffer_.data(), size); }
  OutputFile& file_;
  std::vector<std::uint8_t> buffer_;
};

class OutputFile::GzipCompressor final : public Compressor {
 public:
  explicit GzipCompressor(OutputFile& file) : Compressor(file) {
    ready_ =
        deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~GzipCompressor() override {
    if (ready_) {
      deflateEnd(&stream_);
    }
  }
  bool ready() const override { return ready_; }

  bool put(const void* data, std::size_t size, bool last) override {
    const auto* at = static_cast<const Bytef*>(data);
    do {
      const auto piece = static_cast<uInt>(std::min<std::size_t>(size, 1u << 30));
      stream_.next_in = const_cast<Bytef*>(at);  // zlib's signature lacks the const
      stream_.avail_in = piece;
      at += piece;
      size -= piece;
      do {
        stream_.next_out = buffer_.data();
        stream_.avail_out = static_cast<uInt>(buffer_.size());
        deflate(&stream_, last && size == 0 ? Z_FINISH : Z_NO_FLUSH);
        if (!out(buffer_.size() - stream_.avail_out)) {
          return false;
        }
      } while (stream_.avail_out == 0);
    } while (size > 0);
    return true;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

class OutputFile::ZstdCompressor final : public Compressor {
 public:
  explicit ZstdCompressor(OutputFile& file) : Compressor(file), stream_(ZSTD_createCCtx()) {
    if (stream_ != nullptr) {
      ZSTD_CCtx_setParameter(stream_, ZSTD_c_compressionLevel, kZstdLevel);
      ZSTD_CCtx_setParameter(stream_, ZSTD_c_checksumFlag, 1);
    }
  }
  ~ZstdCompressor() override { ZSTD_freeCCtx(stream_); }
  bool ready() const override { return stream_ != nullptr; }

  bool put(const void* data, std::size_t size, bool last) override {
    ZSTD_inBuffer in{data, size, 0};
    for (;;) {
      ZSTD_outBuffer piece{buffer_.data(), buffer_.size(), 0};
      const std::size_t left =
          ZSTD_compressStream2(stream_, &piece, &in, last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left) != 0 || !out(piece.pos)) {
        return false;
      }
      if (last ? left == 0 : in.pos == in.size) {
        return true;
      }
    }
  }

 private:
  ZSTD_CCtx* stream_;
};

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {}

OutputFile::~OutputFile() {
  if (file_ >= 0) {
    close(file_);
    if (temporary_ != path_) {
      unlink(temporary_.c_str());
    }
  }
}

absl::Status OutputFile::failed(const char* doing) const {
  const int error = error_ != 0 ? error_ : errno;
  const std::string text = absl::StrCat(path_, ": cannot be ", doing, ": ", std::strerror(error));
  if (error == ENOSPC || error == EDQUOT) {
    return absl::ResourceExhaustedError(absl::StrCat(text, "; free some space, or write elsewhere"));
  }
  if (error == EACCES || error == EPERM || error == EROFS) {
    return absl::PermissionDeniedError(absl::StrCat(text, "; choose a folder you may write to"));
  }
  return absl::UnavailableError(absl::StrCat(text, "; check the path"));
}

absl::Status OutputFile::open(Compression compression) {
  struct stat info {};
  const bool special = stat(path_.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
  if (special && S_ISDIR(info.st_mode)) {
    error_ = EISDIR;
    return failed("written");
  }
  temporary_ = special ? path_ : absl::StrCat(path_, ".tmp");
  const int how = special ? O_WRONLY : O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
  file_ = ::open(temporary_.c_str(), how | O_CLOEXEC | O_NOCTTY, 0600);
  if (file_ < 0) {
    return failed("written");
  }
  if (compression == Compression::kGzip) {
    compressor_ = std::make_unique<GzipCompressor>(*this);
  } else if (compression == Compression::kZstd) {
    compressor_ = std::make_unique<ZstdCompressor>(*this);
  }
  if (compressor_ && !compressor_->ready()) {
    error_ = ENOMEM;
    return failed("compressed");
  }
  return absl::OkStatus();
}

bool OutputFile::toDisk(const void* data, std::size_t size) {
  const auto* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t put = ::write(file_, at, size);
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put < 0) {
      error_ = errno;
      return false;
    }
    at += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

bool OutputFile::put(const void* data, std::size_t size) {
  return compressor_ ? compressor_->put(data, size, false) : toDisk(data, size);
}

wire::Sink OutputFile::sink() {
  return wire::Sink{[](void* context, const void* data, std::size_t size) {
                      return static_cast<OutputFile*>(context)->put(data, size);
                    },
                    this};
}

absl::Status OutputFile::commit() {
  if (error_ != 0 || (compressor_ && !compressor_->put(nullptr, 0, true))) {
    return failed("written");
  }
  const int file = file_;
  file_ = -1;
  if (close(file) != 0 || (temporary_ != path_ && std::rename(temporary_.c_str(), path_.c_str()) != 0)) {
    error_ = errno;
    if (temporary_ != path_) {
      unlink(temporary_.c_str());
    }
    return failed("written");
  }
  return absl::OkStatus();
}

}  // namespace heapprof::formats

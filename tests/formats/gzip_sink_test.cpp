// The runtime's gzip without zlib, unpacked by zlib itself.
#include "formats/wire/gzip_sink.h"

#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <zlib.h>

namespace heapprof::wire {
namespace {

struct StringSink {
  std::string bytes;
  int putsLeft = std::numeric_limits<int>::max();
  Sink sink() {
    return Sink{[](void* context, const void* data, std::size_t size) {
                  auto* self = static_cast<StringSink*>(context);
                  if (self->putsLeft-- <= 0) {
                    return false;
                  }
                  self->bytes.append(static_cast<const char*>(data), size);
                  return true;
                },
                this};
  }
};

std::string someBytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 12345;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

// The unpacked text; fails the test unless it is exactly one valid gzip member.
std::string gunzip(const std::string& packed, std::size_t expectedSize) {
  std::string out(expectedSize + 1, '\0');
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END) << (stream.msg != nullptr ? stream.msg : "");
  EXPECT_EQ(stream.avail_in, 0u);
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

TEST(GzipSink, ZlibUnpacksWhatWasPutInAnyPieces) {
  for (const std::size_t size : {0, 1, 7, 65534, 65535, 65536, 131070, 131071, 300000}) {
    const std::string text = someBytes(size);
    for (const std::size_t piece : {size + 1, std::size_t{1000}, std::size_t{70000}}) {
      StringSink below;
      GzipSink gzip(below.sink());
      const Sink sink = gzip.sink();
      for (std::size_t at = 0; at < size; at += piece) {
        ASSERT_TRUE(sink.put(sink.context, text.data() + at, std::min(piece, size - at)));
      }
      ASSERT_TRUE(gzip.finish());
      EXPECT_EQ(gunzip(below.bytes, size), text) << size << " by " << piece;
    }
  }
}

TEST(GzipSink, CrcAgreesWithZlibAtEveryLengthAndAlignment) {
  const std::string text = someBytes(300);
  for (std::size_t from = 0; from < 9; ++from) {
    for (std::size_t size = 0; from + size <= text.size(); ++size) {
      const auto* at = reinterpret_cast<const Bytef*>(text.data() + from);
      ASSERT_EQ(crc32(0, at, size), ::crc32(0, at, static_cast<uInt>(size))) << from << "+" << size;
    }
  }
  EXPECT_EQ(crc32(crc32(0, text.data(), 100), text.data() + 100, 200), crc32(0, text.data(), 300));
}

TEST(GzipSink, AFailedPutBelowFailsEverythingAfterIt) {
  const std::string text = someBytes(200000);
  for (int puts = 0; puts < 9; ++puts) {  // a header, four blocks of two puts, a tail
    StringSink below;
    below.putsLeft = puts;
    GzipSink gzip(below.sink());
    const Sink sink = gzip.sink();
    const bool putOk = sink.put(sink.context, text.data(), text.size());
    EXPECT_FALSE(putOk && gzip.finish()) << puts;
    const std::size_t size = below.bytes.size();
    below.putsLeft = 1000;
    EXPECT_FALSE(gzip.finish());
    EXPECT_EQ(below.bytes.size(), size);
  }
}

}  // namespace
}  // namespace heapprof::wire

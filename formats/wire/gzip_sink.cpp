#include "formats/wire/gzip_sink.h"

namespace heapprof::wire {
namespace {

// RFC 1952 around RFC 1951's stored blocks:
//
//   1f 8b 08 00 | mtime 0 (4) | xfl 0 | os 255      header
//   00 | LEN (2) | NLEN = ~LEN (2) | LEN bytes      each block, not the last, BTYPE 00, byte aligned
//   01 | 00 00 | ff ff                              the last block, empty
//   CRC-32 (4) | size mod 2^32 (4)                  trailer, little endian
constexpr unsigned char kHeader[10] = {0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0xff};
constexpr std::size_t kMaxStored = 65535;
constexpr std::uint32_t kPolynomial = 0xedb88320u;  // CRC-32, bits reflected

struct CrcTables {
  std::uint32_t row[8][256];
};

// Slicing by eight: row[k][b] is the remainder of byte b followed by k zero bytes, so eight bytes go per
// step.
constexpr CrcTables makeCrcTables() {
  CrcTables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? kPolynomial : 0);
    }
    tables.row[0][byte] = remainder;
  }
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    for (int k = 1; k < 8; ++k) {
      const std::uint32_t before = tables.row[k - 1][byte];
      tables.row[k][byte] = (before >> 8) ^ tables.row[0][before & 0xff];
    }
  }
  return tables;
}

constexpr CrcTables kCrc = makeCrcTables();

std::uint32_t load32(const unsigned char* at) noexcept {
  return static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8 |
         static_cast<std::uint32_t>(at[2]) << 16 | static_cast<std::uint32_t>(at[3]) << 24;
}

void store32(unsigned char* at, std::uint32_t value) noexcept {
  for (unsigned i = 0; i < 4; ++i) {
    at[i] = static_cast<unsigned char>(value >> (8 * i));
  }
}

}  // namespace

std::uint32_t crc32(std::uint32_t crc, const void* data, std::size_t size) noexcept {
  const auto* at = static_cast<const unsigned char*>(data);
  crc = ~crc;
  for (; size >= 8; at += 8, size -= 8) {
    const std::uint32_t low = crc ^ load32(at);
    const std::uint32_t high = load32(at + 4);
    crc = kCrc.row[7][low & 0xff] ^ kCrc.row[6][(low >> 8) & 0xff] ^ kCrc.row[5][(low >> 16) & 0xff] ^
          kCrc.row[4][low >> 24] ^ kCrc.row[3][high & 0xff] ^ kCrc.row[2][(high >> 8) & 0xff] ^
          kCrc.row[1][(high >> 16) & 0xff] ^ kCrc.row[0][high >> 24];
  }
  for (; size > 0; ++at, --size) {
    crc = (crc >> 8) ^ kCrc.row[0][(crc ^ *at) & 0xff];
  }
  return ~crc;
}

Sink GzipSink::sink() noexcept {
  return Sink{[](void* context, const void* data, std::size_t size) {
                return static_cast<GzipSink*>(context)->put(data, size);
              },
              this};
}

bool GzipSink::below(const void* data, std::size_t size) noexcept {
  ok_ = ok_ && below_.put(below_.context, data, size);
  return ok_;
}

bool GzipSink::begin() noexcept {
  if (begun_) {
    return ok_;
  }
  begun_ = true;
  return below(kHeader, sizeof kHeader);
}

bool GzipSink::put(const void* data, std::size_t size) noexcept {
  if (!begin()) {
    return false;
  }
  const auto* at = static_cast<const unsigned char*>(data);
  crc_ = crc32(crc_, at, size);
  size_ += static_cast<std::uint32_t>(size);  // modulo 2^32, as the trailer wants it
  while (size > 0) {
    const std::size_t length = size < kMaxStored ? size : kMaxStored;
    const auto stored = static_cast<std::uint32_t>(length);
    unsigned char head[5] = {0};
    store32(head + 1, stored | (~stored << 16));
    if (!below(head, sizeof head) || !below(at, length)) {
      return false;
    }
    at += length;
    size -= length;
  }
  return true;
}

bool GzipSink::finish() noexcept {
  unsigned char tail[13] = {0x01, 0, 0, 0xff, 0xff};
  store32(tail + 5, crc_);
  store32(tail + 9, size_);
  return begin() && below(tail, sizeof tail);
}

}  // namespace heapprof::wire

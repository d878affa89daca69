#include "formats/pprof/read_profile.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include "formats/legacy/read_text_heap.h"
#include "formats/pprof/fault.h"
#include "formats/pprof/message_source.h"
#include "formats/pprof/message_window.h"
#include "formats/pprof/profile_scanner.h"
#include "formats/pprof/raw_input.h"
#include "formats/pprof/read_ahead.h"

namespace heapprof::formats {
namespace {

constexpr std::size_t kHeadBytes = 16;
constexpr std::uint64_t kGiB = 1u << 30;
constexpr std::uint64_t kMostBytes = 64 * kGiB;
constexpr std::uint64_t kMessagePerFileByte = 200;
constexpr std::uint64_t kColumnsPerFileByte = 64;
constexpr std::uint64_t kPipeBytes = 64u << 20;  // a pipe does not tell its size: taken for this large

std::uint64_t limit(std::uint64_t wanted, std::uint64_t fileBytes, std::uint64_t perByte) {
  if (wanted != 0) {
    return wanted;
  }
  return std::clamp(std::min(fileBytes, kMostBytes / perByte) * perByte, kGiB, kMostBytes);
}

absl::StatusOr<ProfileColumns> readFrom(RawInput& input, const ReadOptions& options) {
  absl::StatusOr<std::unique_ptr<MessageSource>> source = openMessage(input);
  if (!source.ok()) {
    return source.status();
  }
  *source = readAhead(*std::move(source), input);
  const std::uint64_t fileBytes = input.total() != 0 ? input.total() : kPipeBytes;
  ProfileColumns columns;
  MessageWindow window(**source, input.name(),
                       limit(options.maxMessageBytes, fileBytes, kMessagePerFileByte));
  const std::uint64_t budget = limit(options.maxColumnBytes, fileBytes, kColumnsPerFileByte);
  window.ensure(kHeadBytes);
  const absl::string_view head(reinterpret_cast<const char*>(window.data()), window.available());
  absl::Status status = isTextHeap(head)
                            ? readTextHeap(window, input.name(), budget, options.thread, &columns)
                            : ProfileScanner(window, input.name(), columns, budget).run();
  if (!status.ok()) {
    return status;
  }
  if (columns.messageBytes == 0) {
    columns.messageBytes = window.offset();
  }
  columns.fileBytes = input.consumed();
  return columns;
}

// The containers of the columns throw; nothing of that leaves this layer.
absl::StatusOr<ProfileColumns> readGuarded(RawInput& input, const ReadOptions& options) {
  try {
    return readFrom(input, options);
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  }
  return absl::ResourceExhaustedError(faultLine(input.name(), input.consumed(),
                                                "memory ran out while reading",
                                                "free memory, or read it on a larger machine"));
}

}  // namespace

absl::StatusOr<ProfileColumns> readProfile(const std::string& path, const ReadOptions& options) {
  RawInput input(path, options);
  if (absl::Status status = input.openFile(); !status.ok()) {
    return status;
  }
  return readGuarded(input, options);
}

absl::StatusOr<ProfileColumns> readProfileBytes(const void* data, std::size_t size, const std::string& name,
                                                const ReadOptions& options) {
  RawInput input(name, options);
  input.openBytes(Bytes(static_cast<const std::uint8_t*>(data), size));
  return readGuarded(input, options);
}

}  // namespace heapprof::formats

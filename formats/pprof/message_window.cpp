#include "formats/pprof/message_window.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "formats/pprof/fault.h"

namespace heapprof::formats {
namespace {

constexpr std::size_t kWindowBytes = 256 << 10;

}  // namespace

MessageWindow::MessageWindow(MessageSource& source, std::string name, std::uint64_t maxBytes)
    : source_(source), name_(std::move(name)), maxBytes_(maxBytes), buffer_(kWindowBytes) {}

std::uint64_t MessageWindow::mostLeft() const {
  const std::uint64_t total = source_.messageBytes();
  if (total == 0) {
    return std::numeric_limits<std::uint64_t>::max();
  }
  // A file that grows while it is read may hold more than it said at first: what came counts.
  return std::max<std::uint64_t>(total > offset_ ? total - offset_ : 0, available());
}

bool MessageWindow::fill(std::size_t bytes) {
  if (begin_ != 0) {
    std::memmove(buffer_.data(), data(), available());
    end_ -= begin_;
    begin_ = 0;
  }
  while (end_ < bytes && !atEnd_ && status_.ok()) {
    if (end_ == buffer_.size()) {
      buffer_.resize(std::min(std::max(bytes, kWindowBytes), 2 * buffer_.size()));
    }
    absl::StatusOr<std::size_t> got = source_.read(buffer_.data() + end_, buffer_.size() - end_);
    if (!got.ok()) {
      status_ = got.status();
    } else if (offset_ + end_ + *got > maxBytes_) {
      status_ = absl::ResourceExhaustedError(faultLine(
          name_, maxBytes_, absl::StrCat("the message is larger than the limit of ", maxBytes_, " bytes"),
          "a file that unpacks to so much is damaged or hostile"));
    } else {
      atEnd_ = *got == 0;
      end_ += *got;
    }
  }
  return status_.ok() && end_ >= bytes;
}

bool MessageWindow::skip(std::uint64_t bytes) {
  while (bytes > 0) {
    if (!ensure(1)) {
      return false;
    }
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, available()));
    consume(step);
    bytes -= step;
  }
  return true;
}

}  // namespace heapprof::formats

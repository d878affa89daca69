#include "formats/pprof/read_ahead.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace heapprof::formats {
namespace {

constexpr std::uint64_t kWorthAThread = 1 << 20;  // bytes on disk
constexpr std::size_t kBlockBytes = 256 << 10;
constexpr std::size_t kBlocks = 4;

struct Block {
  std::vector<std::uint8_t> bytes;
  absl::Status status;         // the last block's; bytes are empty then
  std::uint64_t consumed = 0;  // of the input, once these bytes were there
};

class ReadAhead final : public MessageSource {
 public:
  ReadAhead(std::unique_ptr<MessageSource>& source, RawInput& input)
      : input_(input), messageBytes_(source->messageBytes()), source_(source.get()) {
    input_.tellProgress(false);
    thread_ = std::thread([this] { work(); });  // may throw: then nothing was taken
    owned_ = std::move(source);
  }
  ~ReadAhead() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      unwanted_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  absl::StatusOr<std::size_t> read(std::uint8_t* out, std::size_t size) override {
    if (taken_ == block_.bytes.size() && !atEnd_) {
      if (absl::Status status = nextBlock(); !status.ok()) {
        return status;
      }
    }
    const std::size_t step = std::min(size, block_.bytes.size() - taken_);
    if (step != 0) {
      std::memcpy(out, block_.bytes.data() + taken_, step);
    }
    taken_ += step;
    return step;
  }
  std::uint64_t messageBytes() const override { return messageBytes_; }

 private:
  absl::Status nextBlock() {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      spare_.push_back(std::move(block_.bytes));
      changed_.wait(lock, [this] { return !ready_.empty(); });
      block_ = std::move(ready_.front());
      ready_.pop_front();
    }
    changed_.notify_all();
    taken_ = 0;
    atEnd_ = block_.bytes.empty();
    return block_.status.ok() ? input_.tell(block_.consumed, atEnd_) : block_.status;
  }

  // On the thread.
  void work() {
    for (bool last = false; !last;) {
      Block block;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [this] { return ready_.size() < kBlocks || unwanted_; });
        if (unwanted_) {
          return;
        }
        if (!spare_.empty()) {
          block.bytes = std::move(spare_.back());
          spare_.pop_back();
        }
      }
      fill(&block);
      last = block.bytes.empty();
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        ready_.push_back(std::move(block));
      }
      changed_.notify_all();
    }
  }

  // Full unless the end or an error comes first; an error comes alone, after the bytes before it.
  void fill(Block* block) {
    std::size_t filled = 0;
    block->status = std::exchange(pending_, absl::OkStatus());
    try {
      block->bytes.resize(block->status.ok() ? kBlockBytes : 0);
      while (filled < block->bytes.size()) {
        const absl::StatusOr<std::size_t> got =
            source_->read(block->bytes.data() + filled, block->bytes.size() - filled);
        if (!got.ok()) {
          (filled == 0 ? block->status : pending_) = got.status();
        }
        if (!got.ok() || *got == 0) {
          break;
        }
        filled += *got;
      }
    } catch (const std::bad_alloc&) {
      filled = 0;
      block->status = absl::ResourceExhaustedError(absl::StrCat(
          input_.name(), ": memory ran out while reading; free memory, or read it on a larger machine"));
    }
    block->bytes.resize(filled);
    block->consumed = input_.consumed();
  }

  RawInput& input_;
  const std::uint64_t messageBytes_;
  MessageSource* source_;  // the thread's alone
  absl::Status pending_;   // the thread's alone: of the block that comes next
  Block block_;            // the reader's alone
  std::size_t taken_ = 0;
  bool atEnd_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Block> ready_;                       // under mutex_
  std::vector<std::vector<std::uint8_t>> spare_;  // under mutex_
  bool unwanted_ = false;                         // under mutex_
  std::unique_ptr<MessageSource> owned_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<MessageSource> readAhead(std::unique_ptr<MessageSource> source, RawInput& input) {
  if (input.total() < kWorthAThread) {
    return source;
  }
  try {
    return std::make_unique<ReadAhead>(source, input);
  } catch (const std::system_error&) {  // the limit of threads is reached
    input.tellProgress(true);
    return source;
  }
}

}  // namespace heapprof::formats

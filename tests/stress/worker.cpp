#include "tests/stress/worker.h"

#include <bit>
#include <cerrno>
#include <cstdio>

namespace heapprof::stress {
namespace {

void* allocate(const Block& wanted, std::uint64_t way) {
  const auto& f = family();
  switch (wanted.kind) {
    case Kind::kMalloc:
      return way % 8 == 0 ? f.realloc(nullptr, wanted.bytes) : f.malloc(wanted.bytes);
    case Kind::kAligned:
      if (way % 3 == 0) return f.memalign(wanted.alignment, wanted.bytes);
      if (way % 3 == 1) return f.alignedAlloc(wanted.alignment, wanted.bytes);
      {
        void* p = nullptr;
        const int error = f.posixMemalign(&p, wanted.alignment, wanted.bytes);
        if (error != 0) errno = error;
        return p;
      }
    case Kind::kNew:
      return f.opNewNothrow(wanted.bytes);
    case Kind::kNewArray:
      return f.opNewArrayNothrow(wanted.bytes);
    case Kind::kNewAligned:
      return f.opNewAlignedNothrow(wanted.bytes, wanted.alignment);
  }
  return nullptr;
}

void release(const Block& block, std::uint64_t way) {
  const auto& f = family();
  switch (block.kind) {
    case Kind::kMalloc:
      if (way % 4 == 0 && f.freeSized != nullptr) return f.freeSized(block.start, block.bytes);
      return f.free(block.start);
    case Kind::kAligned:
      if (way % 4 == 0 && f.freeAlignedSized != nullptr) {
        return f.freeAlignedSized(block.start, block.alignment, block.bytes);
      }
      return f.free(block.start);
    case Kind::kNew:
      return way % 2 == 0 ? f.opDelete(block.start) : f.opDeleteSized(block.start, block.bytes);
    case Kind::kNewArray:
      return way % 2 == 0 ? f.opDeleteArray(block.start) : f.opDeleteArraySized(block.start, block.bytes);
    case Kind::kNewAligned:
      return way % 2 == 0 ? f.opDeleteAligned(block.start, block.alignment)
                          : f.opDeleteSizedAligned(block.start, block.bytes, block.alignment);
  }
}

}  // namespace

Worker::Worker(std::uint64_t seed, WorkerLimits limits, SpanMap* spans)
    : random_(seed), limits_(limits), spans_(spans) {
  held_.reserve(limits.heldBlocks + 64);
}

Worker::~Worker() {
  freeAll();
  tally().operations += operations_;
  tally().verifiedBlocks += verifiedBlocks_;
  tally().verifiedBytes += verifiedBytes_;
}

void Worker::fail(const char* what, const Block& block) {
  char line[200];
  std::snprintf(line, sizeof line, "%s: block %p of %zu bytes, alignment %zu, kind %d, after %llu operations",
                what, static_cast<void*>(block.start), block.bytes, block.alignment,
                static_cast<int>(block.kind), static_cast<unsigned long long>(operations_));
  if (error_.empty()) error_ = line;
}

void Worker::step() {
  const std::uint64_t choice = random_.next() % 100;
  if (heldBytes_ > limits_.heldBytes || held_.size() >= limits_.heldBlocks) {
    freeOne();
  } else if (choice < 46) {
    allocateOne(logUniform(random_, limits_.largest));
  } else if (choice < 58) {
    reallocateOne();
  } else {
    freeOne();
  }
}

bool Worker::allocateOne(std::size_t bytes) {
  operations_++;
  const std::uint64_t choice = random_.next();
  Block block;
  block.bytes = bytes;
  block.kind = choice % 16 < 9    ? Kind::kMalloc
               : choice % 16 < 12 ? Kind::kAligned
                                  : static_cast<Kind>(choice % 3 + static_cast<std::uint64_t>(Kind::kNew));
  block.alignment = 1;
  if (block.kind == Kind::kAligned || block.kind == Kind::kNewAligned) {
    block.alignment = std::size_t{8} << logUniform(random_, 14);
  }
  const bool zeroed = block.kind == Kind::kMalloc && (choice >> 8) % 5 == 0;
  errno = 0;
  block.start =
      static_cast<unsigned char*>(zeroed ? family().calloc(1, bytes) : allocate(block, choice >> 16));
  if (block.start == nullptr) {
    if (!limits_.mayFail) fail("null without need", block);
    if (errno != ENOMEM) fail("null, but errno is not ENOMEM", block);
    nulls_++;
    return false;
  }
  adopt(block, zeroed);
  return true;
}

void Worker::adopt(Block block, bool zeroed) {
  block.nonce = random_.next();
  const std::size_t natural = block.bytes > 8 ? 16 : 8;
  const std::size_t alignment = block.alignment > 1 ? block.alignment : natural;
  if (reinterpret_cast<std::uintptr_t>(block.start) % alignment != 0) fail("not aligned", block);
  if (family().usableSize(block.start) < block.bytes) fail("usable size below the request", block);
  if (zeroed && !isZeroed(block.start, block.bytes)) fail("calloc's memory is not zero", block);
  if (spans_ != nullptr && !spans_->add(block.start, family().usableSize(block.start)))
    fail("overlaps a live block", block);
  fill(block);
  heldBytes_ += block.bytes;
  held_.push_back(block);
}

std::size_t Worker::pick() {
  return random_.next() % held_.size();
}

void Worker::reallocateOne() {
  if (held_.empty()) return;
  operations_++;
  const std::size_t index = pick();
  Block block = held_[index];
  if (block.kind != Kind::kMalloc && block.kind != Kind::kAligned) return;
  // Mostly to a size near by, which is what growing containers do, and sometimes anywhere.
  const std::size_t anywhere = logUniform(random_, limits_.largest);
  std::size_t bytes =
      random_.next() % 3 == 0 ? anywhere : block.bytes / 2 + random_.next() % (block.bytes + 16);
  if (bytes == 0 || bytes > limits_.largest) bytes = 1;
  if (spans_ != nullptr && !spans_->remove(block.start)) fail("shadow lost", block);
  errno = 0;
  auto* moved = static_cast<unsigned char*>(family().realloc(block.start, bytes));
  if (moved == nullptr) {
    if (!limits_.mayFail) fail("realloc gave null without need", block);
    if (errno != ENOMEM) fail("realloc gave null, but errno is not ENOMEM", block);
    if (!intact(block)) fail("a failed realloc changed the block", block);
    if (spans_ != nullptr) spans_->add(block.start, family().usableSize(block.start));
    nulls_++;
    return;
  }
  if (!intact(block, moved, bytes < block.bytes ? bytes : block.bytes)) fail("realloc lost bytes", block);
  verifiedBlocks_++;
  verifiedBytes_ += block.bytes;
  heldBytes_ -= block.bytes;
  held_[index] = held_.back();
  held_.pop_back();
  block.start = moved;
  block.bytes = bytes;
  block.alignment = 1;
  block.kind = Kind::kMalloc;
  adopt(block, false);
}

void Worker::release(const Block& block) {
  operations_++;
  if (!intact(block)) fail("contents changed", block);
  verifiedBlocks_++;
  verifiedBytes_ += block.bytes;
  if (spans_ != nullptr && !spans_->remove(block.start)) fail("shadow lost", block);
  errno = 4711;
  stress::release(block, random_.next());
  if (errno != 4711) fail("free changed errno", block);
}

void Worker::freeOne() {
  Block block;
  if (give(&block)) release(block);
}

void Worker::freeAll() {
  while (!held_.empty()) freeOne();
}

bool Worker::give(Block* out) {
  if (held_.empty()) return false;
  const std::size_t index = pick();
  *out = held_[index];
  held_[index] = held_.back();
  held_.pop_back();
  heldBytes_ -= out->bytes;
  return true;
}

void Worker::take(const Block& block) {
  if (!intact(block)) fail("contents changed on the way between threads", block);
  heldBytes_ += block.bytes;
  held_.push_back(block);
}

bool verifyAndFree(const Block& block) {
  const bool good = intact(block);
  release(block, block.nonce);
  tally().operations++;
  tally().verifiedBlocks++;
  tally().verifiedBytes += block.bytes;
  return good;
}

}  // namespace heapprof::stress

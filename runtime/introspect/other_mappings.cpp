#include "runtime/introspect/other_mappings.h"

#include <cstring>

#include "runtime/introspect/own_memory.h"
#include "runtime/introspect/text.h"

namespace heapprof::introspect {

void OtherMappings::prepare(DumpMemory& memory) noexcept {
  std::size_t ranges = 0;
  forEachOwnRange(
      [](void* context, OwnKind, std::uintptr_t, std::size_t) { ++*static_cast<std::size_t*>(context); },
      &ranges);
  ownCapacity_ = ranges + kSpareRanges;
  own_ = memory.takeArray<Range>(ownCapacity_);
  buffer_ = memory.takeArray<char>(kMapBufferBytes);
}

void OtherMappings::addOwn(std::uintptr_t start, std::uintptr_t end) noexcept {
  if (ownCount_ == ownCapacity_) {
    complete_ = false;
    return;
  }
  std::size_t at = ownCount_++;
  for (; at > 0 && own_[at - 1].start > start; --at) {
    own_[at] = own_[at - 1];
  }
  own_[at] = Range{start, end};
}

void OtherMappings::visit(const MapEntry& entry) noexcept {
  if (std::strcmp(entry.name, "[vsyscall]") == 0 || startsWith(entry.name, "/anon_hugepage") ||
      startsWith(entry.name, "/dev/hugepages")) {
    return;  // not user memory, or not in RSS
  }
  std::uintptr_t at = entry.start;
  for (std::size_t i = 0; i < ownCount_ && own_[i].start < entry.end; ++i) {
    if (own_[i].end <= at) {
      continue;
    }
    if (own_[i].start > at) {
      complete_ = truth_->sum(at, own_[i].start - at, &pages_) && complete_;
    }
    at = own_[i].end;
  }
  if (at < entry.end) {
    complete_ = truth_->sum(at, entry.end - at, &pages_) && complete_;
  }
}

void OtherMappings::measure(KernelTruth& truth, Figure* out) noexcept {
  if (own_ == nullptr || buffer_ == nullptr || !truth.known()) {
    return;
  }
  truth_ = &truth;
  forEachOwnRange(
      [](void* context, OwnKind, std::uintptr_t start, std::size_t bytes) {
        static_cast<OtherMappings*>(context)->addOwn(start, start + bytes);
      },
      this);
  const bool listed = forEachMapEntry(
      buffer_,
      [](void* context, const MapEntry& entry) { static_cast<OtherMappings*>(context)->visit(entry); }, this);
  if (listed && complete_) {
    out->set(pages_.resident);
  }
}

}  // namespace heapprof::introspect

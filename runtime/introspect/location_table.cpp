#include "runtime/introspect/location_table.h"

namespace heapprof::introspect {

// Three quarters full at most, so that every search ends.
bool LocationTable::makeRoom() noexcept {
  if ((used_ + 1) * 4 <= capacity_ * 3) {
    return true;
  }
  const std::size_t bigger = capacity_ == 0 ? kFirstSlots : capacity_ * 2;
  if (bigger > kMaxSlots) {
    return false;
  }
  auto* slots = memory_.takeArray<Slot>(bigger);
  if (slots == nullptr) {
    return false;
  }
  Slot* old = slots_;
  const std::size_t oldCapacity = capacity_;
  slots_ = slots;
  capacity_ = bigger;
  for (std::size_t i = 0; i < oldCapacity; ++i) {
    if (old[i].id != 0) {
      *find(old[i].address) = old[i];
    }
  }
  return true;
}

LocationTable::Slot* LocationTable::find(std::uintptr_t address) const noexcept {
  const std::size_t mask = capacity_ - 1;
  std::size_t at = static_cast<std::size_t>(address * 0x9e3779b97f4a7c15u >> 20) & mask;
  while (slots_[at].id != 0 && slots_[at].address != address) {
    at = (at + 1) & mask;
  }
  return &slots_[at];
}

std::uint64_t LocationTable::intern(std::uintptr_t address, bool* fresh) noexcept {
  const bool room = makeRoom();
  *fresh = true;
  if (slots_ == nullptr) {
    return takeId();
  }
  Slot* slot = find(address);
  if (slot->id != 0) {
    *fresh = false;
    return slot->id;
  }
  const std::uint64_t id = takeId();
  if (room) {
    *slot = Slot{address, id};
    ++used_;
  }
  return id;
}

}  // namespace heapprof::introspect

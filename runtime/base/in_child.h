// What a forked child sets back: only where it has another value, because the first write to a page copies
// it, and most of these variables lie on pages that nobody has written to.
#pragma once

#include <atomic>
#include <type_traits>

namespace heapprof::base {

template <typename T>
void setInChild(T& variable, std::type_identity_t<T> value) noexcept {
  if (variable != value) variable = value;
}
template <typename T>
void setInChild(std::atomic<T>& variable, std::type_identity_t<T> value) noexcept {
  if (variable.load(std::memory_order_relaxed) != value) variable.store(value, std::memory_order_relaxed);
}

}  // namespace heapprof::base

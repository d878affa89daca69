// Giving free memory back: who decides how much, and the batches in which it goes. Internal to this folder;
// what callers see is in pages.h.
//
// Invariant: the purge lock is held by whoever has a batch out, across its system calls, so it is always
// taken before the page lock; forming.cpp holds it around a collapse. Functions that want the page lock held
// say so.
#pragma once

#include <cstdint>

#include "runtime/base/errno_keeper.h"
#include "runtime/base/mutex.h"
#include "runtime/config/options.h"
#include "runtime/pages/book.h"

namespace heapprof::pages {

extern constinit Book book;
extern constinit base::Mutex purgeLock;

// How many free, backed granules may stay: as many as there are.
inline constexpr std::uint64_t kNothingDue = ~std::uint64_t{0};
// Not worth a call to the kernel.
inline constexpr std::uint64_t kLittle = (std::uint64_t{1} << 20) >> kGranuleShift;

// purge=; page lock held: the books must look back as far as the rule says.
config::PurgeRule purgeRule() noexcept;

inline std::uint64_t larger(std::uint64_t a, std::uint64_t b) noexcept {
  return a > b ? a : b;
}

// In use, or waited for because it comes and goes; purge=auto only. Page lock held.
std::uint64_t awaited(config::PurgeMode mode) noexcept;

// False with ENOMEM: limit= does not allow so many more. Page lock held.
bool limitAllows(std::uint32_t granules) noexcept;
// From seven eighths of limit= on, or where the cgroup's limit is near, what is in use and what is free and
// backed together stay below that, if need be without anything free. Page lock held.
std::uint64_t keepForLimit() noexcept;

// After a call that found more free memory than is worth keeping. Somebody else may be at it already.
void purgeDue(std::uint64_t keep) noexcept;
// Out of memory while a batch is out: what is in it may be what is missing. True: worth another try.
bool waitForBatch() noexcept;

}  // namespace heapprof::pages

// What the kernel says of units, and whether it makes huge pages of them.
#pragma once

#include <gtest/gtest.h>

#include "runtime/introspect/kernel_truth.h"
#include "runtime/os/os.h"
#include "runtime/os/thp.h"
#include "runtime/pages/region.h"

namespace heapprof::pages {

// What the kernel maps huge of the unit, and what is resident.
inline introspect::PageBytes truthOf(std::uint32_t unit) {
  introspect::DumpMemory memory;
  introspect::KernelTruth truth;
  introspect::PageBytes bytes;
  const std::uintptr_t start = addressOf(unit << kUnitGranulesShift);
  truth.open(memory, reinterpret_cast<void*>(start));
  EXPECT_TRUE(truth.sum(start, kUnitBytes, &bytes));
  return bytes;
}

inline bool kernelCollapses() {
  if (os::geometry().hugePageBytes != kUnitBytes || os::thpIsDisabledHere()) return false;
  if (os::readThpSetting() == os::ThpSetting::kNever) return false;
  auto* start = static_cast<char*>(os::calls().reserve(kUnitBytes, kUnitBytes));
  bool good = start != nullptr && os::calls().commit(start, kUnitBytes);
  if (good) start[0] = 1;
  good = good && os::calls().collapse(start, kUnitBytes);
  // An emulator may take the advice and do nothing: then the last page is not there.
  unsigned char last = 0;
  const std::size_t page = os::pageBytes();
  good = good && os::calls().residentPages(start + kUnitBytes - page, page, &last) && (last & 1) != 0;
  if (start != nullptr) os::calls().unreserve(start, kUnitBytes);
  return good;
}

}  // namespace heapprof::pages

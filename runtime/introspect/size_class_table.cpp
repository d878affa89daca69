#include "runtime/introspect/size_class_table.h"

namespace heapprof::introspect {

void SizeClassTable::load(ClassFigures* storage) noexcept {
  rows_ = storage;
  heap::forEachClass(
      [](void* context, const heap::ClassRow& row) {
        auto& table = *static_cast<SizeClassTable*>(context);
        if (table.size_ == kMaxClasses) {
          return;
        }
        std::size_t at = table.size_++;
        for (; at > 0 && table.rows_[at - 1].row.size > row.size; --at) {
          table.rows_[at].row = table.rows_[at - 1].row;
        }
        table.rows_[at].row = row;
      },
      this);
  for (std::size_t i = 1; i < size_; ++i) {
    rows_[i].previousSize = rows_[i - 1].row.size;
  }
}

ClassFigures* SizeClassTable::find(std::uint64_t objectSize) noexcept {
  std::size_t low = 0;
  std::size_t high = size_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (rows_[middle].row.size < objectSize) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < size_ && rows_[low].row.size == objectSize ? &rows_[low] : nullptr;
}

}  // namespace heapprof::introspect

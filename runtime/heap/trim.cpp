#include "runtime/heap/trim.h"

#include "runtime/heap/slab_map.h"
#include "runtime/heap/trim_rhythm.h"
#include "runtime/os/os.h"
#include "runtime/pages/growth.h"
#include "runtime/pages/huge.h"

namespace heapprof::heap {
namespace {

constexpr std::size_t kSmallestPage = 4096;
static_assert(pages::kGranuleBytes / kSmallestPage <= 16, "Slab::gone has a bit a page");
// Below this size a page rarely holds no live object, unless the slab is nearly empty.
constexpr std::uint32_t kAlwaysWorthIt = 256;
constexpr std::uint32_t kMostObjects = pages::kGranuleBytes / 8;
constexpr std::uint32_t kMostPages = pages::kLargestMedium * 16;

struct Shape {
  std::uint32_t size, carved, capacity, page, pagesPerGranule, pages;
};

Shape shapeOf(const Slab& slab) noexcept {
  const SizeClass& row = kSizeClasses[slab.sizeClass];
  const auto page = static_cast<std::uint32_t>(os::pageBytes());
  const auto perGranule = static_cast<std::uint32_t>(pages::kGranuleBytes / page);
  return {row.size, slab.carved, slab.capacity, page, perGranule, slab.granules * perGranule};
}

// The first object that starts at or behind the page's start. What is left of the last page behind the last
// object is waste: none starts there.
std::uint32_t firstIn(const Shape& shape, std::uint32_t page) noexcept {
  const std::uint32_t first = (page * shape.page + shape.size - 1) / shape.size;
  return first < shape.capacity ? first : shape.capacity;
}

Slab& granuleOfPage(Slab& slab, const Shape& shape, std::uint32_t page) noexcept {
  return *slabAt(granuleOf(&slab) + page / shape.pagesPerGranule);
}

template <std::uint32_t kBits>
struct Bits {
  std::uint64_t words[(kBits + 63) / 64] = {};
  void set(std::uint32_t bit) noexcept { words[bit / 64] |= std::uint64_t{1} << (bit % 64); }
  bool has(std::uint32_t bit) const noexcept { return (words[bit / 64] >> (bit % 64) & 1) != 0; }
};
using Objects = Bits<kMostObjects>;
using Pages = Bits<kMostPages>;

// Visits the gone pages with the objects [first, last) that start in each.
template <typename Visit>
void forEachGone(const Slab& slab, Visit visit) noexcept {
  const Shape shape = shapeOf(slab);
  const pages::Granule granule = granuleOf(&slab);
  const std::uint32_t granules = slab.granules;
  for (std::uint32_t g = 0; g < granules; ++g) {
    for (std::uint32_t bits = slabAt(granule + g)->gone; bits != 0; bits &= bits - 1) {
      const std::uint32_t page = g * shape.pagesPerGranule + static_cast<std::uint32_t>(__builtin_ctz(bits));
      visit(page, firstIn(shape, page), firstIn(shape, page + 1));
    }
  }
}

// No object that is out touches the page, and all that start in it were carved.
bool isFree(const Shape& shape, const Objects& freeObjects, std::uint32_t page) noexcept {
  const std::uint32_t start = page * shape.page;
  if (firstIn(shape, page + 1) > shape.carved) return false;
  std::uint32_t last = (start + shape.page - 1) / shape.size;
  if (last >= shape.carved) last = shape.carved - 1;  // what lies behind is waste
  for (std::uint32_t i = start / shape.size; i <= last; ++i) {
    if (!freeObjects.has(i)) return false;
  }
  return true;
}

// No object of it was ever handed out, of any that touches the page.
bool isUncarved(const Shape& shape, std::uint32_t page) noexcept {
  return std::uint64_t{page} * shape.page >= std::uint64_t{shape.carved} * shape.size;
}

// Freed since the last look.
std::uint32_t freedObjects(const Slab& slab) noexcept {
  const std::uint32_t pushed = loadRemote(slab).count;
  return static_cast<std::uint32_t>(slab.armed - slab.countdown) + pushed;
}

// Marks what the list holds. False: it is no list of free objects (the program wrote to one after it had
// freed it): whoever is handed such an object may find out, not we.
bool mark(const Slab& slab, const Shape& shape, void* list, Objects* objects) noexcept {
  const std::uintptr_t start = startOf(&slab);
  std::uint32_t count = 0;
  for (void* at = list; at != nullptr; at = nextObject(at), ++count) {
    const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(at) - start;
    const std::uintptr_t index = offset / shape.size;
    if (index >= shape.carved || offset % shape.size != 0) return false;
    if (objects->has(static_cast<std::uint32_t>(index))) return false;
    objects->set(static_cast<std::uint32_t>(index));
  }
  return count == listedObjects(slab);
}

// Those of the list that start in no gone page, threaded anew, the lowest first.
void* rethread(const Slab& slab, const Shape& shape, const Objects& objects, const Pages& gone) noexcept {
  void* list = nullptr;
  const std::uintptr_t start = startOf(&slab);
  for (std::uint32_t i = shape.carved; i-- > 0;) {
    if (!objects.has(i) || gone.has(i * shape.size / shape.page)) continue;
    void* object = reinterpret_cast<void*>(start + std::uintptr_t{i} * shape.size);
    nextObject(object) = list;
    list = object;
  }
  return list;
}

}  // namespace

std::uint32_t outstandingObjects(const Slab& slab) noexcept {
  return slab.handed - freedObjects(slab);
}

bool isWorthALook(const Slab& slab) noexcept {
  if (slab.state == SlabState::kCurrent) return false;
  if (slab.lookedThrough && freedObjects(slab) == 0) return false;
  const std::uint32_t out = outstandingObjects(slab);
  if (out + trimmedObjects(slab) >= slab.carved) return false;  // nothing is listed
  return kSizeClasses[slab.sizeClass].size >= kAlwaysWorthIt || out * 4 <= slab.carved;
}

void Discards::add(std::uintptr_t start, std::size_t bytes) noexcept {
  pass_.advisedBytes += bytes;
  pending_ += bytes;
  pages::Unit& unit = pages::unitOf(pages::granuleOf(reinterpret_cast<void*>(start)));
  if (pages::breakUnit(unit, start)) ++pass_.hugePagesBroken;
  if (count_ != 0) {
    os::Range& last = ranges_[count_ - 1];
    if (reinterpret_cast<std::uintptr_t>(last.start) + last.bytes == start) {
      last.bytes += bytes;
      return;
    }
  }
  if (count_ == kMost) {
    pending_ -= bytes;
    flush();
    pending_ = bytes;
  }
  ranges_[count_++] = {reinterpret_cast<void*>(start), bytes};
}

// A refusal does no harm: what is in `gone` pages is written to before it is handed out.
void Discards::flush() noexcept {
  if (count_ != 0) {
    pass_.residentBytes += pending_;
    if (os::calls().discardMany(ranges_, count_)) pass_.returnedBytes += pending_;
  }
  count_ = 0;
  pending_ = 0;
}

bool Discards::residentPages(std::uintptr_t start, std::size_t bytes, unsigned char* pages) noexcept {
  if (pass_.residencyKnown) {
    pass_.residencyKnown = os::calls().residentPages(reinterpret_cast<void*>(start), bytes, pages);
  }
  return pass_.residencyKnown;
}

std::uint32_t countTrimmed(const Slab& slab) noexcept {
  std::uint32_t count = 0;
  forEachGone(slab, [&](std::uint32_t, std::uint32_t first, std::uint32_t last) { count += last - first; });
  return count;
}

void bringBack(std::uintptr_t start, std::size_t bytes) noexcept {
  const std::size_t page = os::pageBytes();
  const std::uintptr_t first = start & ~(page - 1);
  const std::uintptr_t end = (start + bytes + page - 1) & ~(page - 1);
  os::calls().populate(reinterpret_cast<void*>(first), end - first);
}

Chain takeTrimmed(Slab& slab) noexcept {
  const Shape shape = shapeOf(slab);
  std::uint32_t page = ~0u;
  std::uint32_t first = 0, last = 0, pagesLeft = 0;
  forEachGone(slab, [&](std::uint32_t p, std::uint32_t from, std::uint32_t to) {
    if (page != ~0u) {
      ++pagesLeft;
      return;
    }
    page = p;
    first = from;
    last = to;
  });
  granuleOfPage(slab, shape, page).gone &=
      static_cast<std::uint16_t>(~(1u << (page % shape.pagesPerGranule)));
  slab.trimmed = pagesLeft != 0;
  const bool medium = isMedium(slab.sizeClass);
  const std::uint64_t now = os::calls().monotonicNanos();
  const std::uint32_t back = medium ? shape.size : shape.page;
  pages::noteRefault(granuleOf(&slab) + page / shape.pagesPerGranule, back, now);
  pages::growth.note(back, now);
  noteBack(pages::unitOf(granuleOf(&slab)), (back + shape.page - 1) / shape.page, now);
  const std::uintptr_t start = startOf(&slab);
  if (medium) bringBack(start + std::uintptr_t{first} * shape.size, shape.size);
  void* list = nullptr;
  for (std::uint32_t i = last; i-- > first;) {
    void* object = reinterpret_cast<void*>(start + std::uintptr_t{i} * shape.size);
    nextObject(object) = list;
    list = object;
  }
  if (!medium) {
    slab.handed = static_cast<std::uint16_t>(slab.handed + (last - first));
    return {list, last - first, false};
  }
  ++slab.handed;
  slab.localFree = nextObject(list);
  slab.clean = static_cast<std::uint16_t>(last - first - 1);
  return {list, 1, false, true};
}

std::uint32_t countFreePages(Heap& heap, Slab& slab) noexcept {
  const Shape shape = shapeOf(slab);
  if (slab.state == SlabState::kCurrent) return 0;
  void* list = takeList(heap, slab);
  if (slab.handed == 0) {
    giveList(heap, slab, list);
    return shape.pages;
  }
  Objects objects;
  std::uint32_t count = 0;
  if (mark(slab, shape, list, &objects)) {
    forEachGone(slab, [&](std::uint32_t, std::uint32_t first, std::uint32_t last) {
      for (std::uint32_t i = first; i < last; ++i) objects.set(i);
    });
    for (std::uint32_t page = 0; page < shape.pages; ++page) count += isFree(shape, objects, page) ? 1 : 0;
  }
  slab.spared = count != 0;
  slab.lookedThrough = true;
  giveList(heap, slab, list);
  return count;
}

void trim(Heap& heap, Slab& slab, Discards& discards) noexcept {
  if (slab.state == SlabState::kCurrent || (!slab.spared && !isWorthALook(slab))) return;
  slab.spared = false;
  void* list = takeList(heap, slab);
  if (slab.handed == 0) return giveList(heap, slab, list);  // empty: it ends
  const Shape shape = shapeOf(slab);
  Objects objects;
  if (!mark(slab, shape, list, &objects)) {
    slab.lookedThrough = true;
    return giveList(heap, slab, list);
  }
  // What was gone stays off the list, even where an object that ends in the page has been taken since.
  Pages gone;
  forEachGone(slab, [&](std::uint32_t page, std::uint32_t first, std::uint32_t last) {
    gone.set(page);
    for (std::uint32_t i = first; i < last; ++i) objects.set(i);
  });
  bool any = false;
  const std::uintptr_t start = startOf(&slab);
  unsigned char resident[kMostPages];
  const bool known = discards.residentPages(start, std::size_t{shape.pages} * shape.page, resident);
  for (std::uint32_t page = 0; page < shape.pages; ++page) {
    if (!isFree(shape, objects, page)) {
      // Never carved, and yet resident: a huge page filled it. It reads as zero, now and afterwards.
      if (known && (resident[page] & 1) != 0 && isUncarved(shape, page))
        discards.add(start + std::uintptr_t{page} * shape.page, shape.page);
      continue;
    }
    any = true;
    gone.set(page);
    if (!known || (resident[page] & 1) != 0)
      discards.add(start + std::uintptr_t{page} * shape.page, shape.page);
    if (firstIn(shape, page) == firstIn(shape, page + 1)) continue;
    granuleOfPage(slab, shape, page).gone |= static_cast<std::uint16_t>(1u << (page % shape.pagesPerGranule));
    slab.trimmed = true;
    pages::stampUnit(granuleOf(&slab) + page / shape.pagesPerGranule, discards.startNanos());
  }
  if (any) list = rethread(slab, shape, objects, gone);
  slab.lookedThrough = true;
  giveList(heap, slab, list);
}

}  // namespace heapprof::heap

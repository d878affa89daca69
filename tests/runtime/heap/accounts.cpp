#include "tests/runtime/heap/accounts.h"

#include <string>
#include <vector>

#include "runtime/heap/heap.h"
#include "runtime/heap/samples.h"
#include "runtime/heap/slab_map.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

namespace heapprof::tests {
namespace {

using heap::RemoteWord;
using heap::Slab;
using heap::SlabKind;
using heap::SlabState;

class SlabCheck {
 public:
  explicit SlabCheck(const Slab& slab)
      : slab_(slab),
        row_(heap::kSizeClasses[slab.sizeClass]),
        start_(heap::startOf(&slab)),
        where_(slab.capacity) {}

  // Walks a list of free objects; complains about a cycle, a foreign address, an object in two lists.
  std::size_t walk(const void* object, char place) {
    std::size_t length = 0;
    for (; object != nullptr && complaint_.empty(); object = *static_cast<void* const*>(object), ++length) {
      note(object, place);
    }
    return length;
  }
  // The same for a medium class's bin, in which other slabs' objects lie between those of this one.
  std::size_t noteMine(const void* object) {
    std::size_t mine = 0;
    for (std::size_t seen = 0; object != nullptr; object = *static_cast<void* const*>(object)) {
      require(++seen <= heap::kMostSpares, "a medium bin is longer than it may be");
      if (!complaint_.empty()) break;
      if (reinterpret_cast<std::uintptr_t>(object) - start_ >= slab_.granules * pages::kGranuleBytes)
        continue;
      note(object, 'b');
      ++mine;
    }
    return mine;
  }
  void require(bool condition, const std::string& what) {
    if (!condition) complain(what);
  }
  bool isFree(const void* object) const {
    const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(object) - start_;
    return where_[offset / row_.size] != 0;
  }
  // The objects that start in gone pages, found by asking for each object in which page it starts.
  std::size_t noteTrimmed() {
    const std::size_t page = os::pageBytes();
    const std::size_t perGranule = pages::kGranuleBytes / page;
    std::size_t count = 0;
    bool any = false;
    for (std::size_t g = 0; g < slab_.granules; ++g) {
      any = any || heap::slabAt(heap::granuleOf(&slab_) + static_cast<pages::Granule>(g))->gone != 0;
    }
    require(any == slab_.trimmed, "trimmed, but no page is gone, or the reverse");
    for (std::size_t i = 0; i < slab_.capacity; ++i) {
      const std::size_t at = i * row_.size / page;
      const auto granule = heap::granuleOf(&slab_) + static_cast<pages::Granule>(at / perGranule);
      if ((heap::slabAt(granule)->gone >> (at % perGranule) & 1) == 0) continue;
      note(reinterpret_cast<void*>(start_ + i * row_.size), 't');
      ++count;
    }
    return count;
  }
  const std::string& complaint() const { return complaint_; }

 private:
  void note(const void* object, char place) {
    const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(object) - start_;
    const std::size_t index = offset / row_.size;
    if (offset % row_.size != 0 || index >= slab_.carved) {
      complain("a list leads to an address that is no object");
    } else if (where_[index] != 0) {
      complain(std::string("an object is in list '") + where_[index] + "' and in '" + place + "'");
    } else {
      where_[index] = place;
    }
  }
  void complain(const std::string& what) {
    if (complaint_.empty()) complaint_ = "slab of class " + std::to_string(row_.size) + ": " + what;
  }
  const Slab& slab_;
  const heap::SizeClass& row_;
  std::uintptr_t start_;
  std::vector<char> where_;
  std::string complaint_;
};

// Its neighbour before it, or the head of its list, leads to it.
bool isWhereItIsFiled(const Slab& slab, const heap::Heap& home) {
  if (slab.state != SlabState::kPartial && slab.state != SlabState::kHollow) return true;
  const auto& heads = slab.state == SlabState::kHollow ? home.hollow : home.partial;
  const pages::Granule leads =
      slab.prev == pages::kNoGranule ? heads[slab.sizeClass] : heap::slabAt(slab.prev)->link;
  if (slab.prev != pages::kNoGranule && heap::slabAt(slab.prev)->state != slab.state) return false;
  return leads == heap::granuleOf(&slab);
}

std::string checkSlab(const Slab& slab, const std::set<void*>& live, SlabCounts* counts) {
  const std::uint64_t owner = slab.owner.load();
  const heap::Heap& home = *heap::ownerOf(owner);
  const RemoteWord remote = RemoteWord::unpack(slab.remote.load());
  const std::uintptr_t start = heap::startOf(&slab);
  SlabCheck check(slab);
  const std::size_t local = check.walk(slab.localFree, 'l');
  const void* remoteHead =
      remote.count == 0 ? nullptr : reinterpret_cast<void*>(start + std::uintptr_t{remote.head} * 8);
  const std::size_t remoteLength = check.walk(remoteHead, 'r');
  std::size_t bin = 0;
  if (heap::isMedium(slab.sizeClass)) {
    bin = check.noteMine(home.bins[slab.sizeClass]);
  } else if (slab.state == SlabState::kCurrent) {
    bin = check.walk(home.bins[slab.sizeClass], 'b');
  }
  const std::size_t since = slab.armed - slab.countdown;
  const std::size_t out = slab.handed - since;
  check.require(slab.carved <= slab.capacity, "more carved than there is room");
  check.require(remoteLength == remote.count, "the remote word's count is not its chain's length");
  const std::size_t trimmed = check.noteTrimmed();
  counts->trimmed += trimmed;
  check.require(slab.carved - trimmed - local == out, "carved - trimmed - |localFree| is not handed - F");
  check.require(out >= remoteLength + bin, "more in lists than out");
  check.require((home.current[slab.sizeClass] == &slab) == (slab.state == SlabState::kCurrent),
                "not the current slab");
  const bool armed = slab.state != SlabState::kCurrent && !slab.pushPending && !slab.kept;
  if (armed && !remote.crossed()) {
    const std::size_t toWake = remote.wakeAt == 0 ? 0xffffff : remote.wakeAt - remoteLength;
    check.require(slab.countdown + toWake <= out - remoteLength + 1, "it could become empty unnoticed");
  }
  const auto first = live.lower_bound(reinterpret_cast<void*>(start));
  const auto end = live.lower_bound(reinterpret_cast<void*>(start + slab.granules * pages::kGranuleBytes));
  std::size_t used = 0;
  for (auto at = first; at != end; ++at, ++used)
    check.require(!check.isFree(*at), "an object in use is in a free list");
  check.require(used <= out - remoteLength - bin, "more objects in use than are out");
  check.require(heap::holdsSamples(slab) == (slab.samples != 0), "a filter without samples, or the reverse");
  check.require(slab.clean + trimmed <= static_cast<std::size_t>(slab.carved - slab.handed),
                "more objects looked through than are listed");
  ++counts->slabs;
  counts->kept += slab.kept;
  counts->hollow += slab.state == SlabState::kHollow;
  check.require(slab.state != SlabState::kHollow || (slab.trimmed && !slab.kept),
                "filed as hollow, and is not");
  check.require(isWhereItIsFiled(slab, home), "not in the list where it is filed");
  counts->sampledSlabs += heap::holdsSamples(slab);
  counts->liveObjects += out - remoteLength - bin;
  if (armed && out == remoteLength && !remote.crossed()) ++counts->emptyUnnoticed;
  return check.complaint();
}

}  // namespace

testing::AssertionResult accountsAreRight(const std::set<void*>& live, SlabCounts* counts) {
  SlabCounts ignored;
  if (counts == nullptr) counts = &ignored;
  *counts = {};
  for (std::size_t r = 0; r < pages::regionCount(); ++r) {
    const pages::Region& region = pages::regionAt(r);
    for (std::uint32_t g = 0; g < region.committed; ++g) {
      const Slab& slab = *heap::slabAt(region.first + g);
      if (slab.kind == SlabKind::kLarge) ++counts->liveLarge;
      if (slab.kind != SlabKind::kSlab) continue;
      const std::string complaint = checkSlab(slab, live, counts);
      if (!complaint.empty()) return testing::AssertionFailure() << complaint;
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace heapprof::tests

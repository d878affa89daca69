// A plain walk along {saved frame pointer, return address} pairs. Only what unwind=fp asked for, or the last
// resort: code built without frame pointers yields short or wrong stacks.
#include "runtime/sampling/readable.h"
#include "runtime/sampling/unwind.h"

namespace heapprof::sampling {

Walk walkFramePointers(const void* entryFrame, std::uintptr_t* frames, std::uint32_t depth) noexcept {
  auto frame = reinterpret_cast<std::uintptr_t>(entryFrame);
  StackReader stack(frame);
  std::uint32_t count = 0;
  while (count < depth) {
    std::uintptr_t next = 0;
    std::uintptr_t address = 0;
    if (!stack.read(frame, &next) || !stack.read(frame + sizeof(std::uintptr_t), &address)) break;
    address = withoutPointerAuthentication(address);
    if (address < kLowestCodeAddress) break;
    frames[count++] = address;
    if (next <= frame) break;  // stacks grow down: an outer frame lies higher
    frame = next;
  }
  return {count, nullptr};
}

}  // namespace heapprof::sampling

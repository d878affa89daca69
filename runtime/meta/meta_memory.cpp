#include "runtime/meta/meta_memory.h"

#include <atomic>
#include <errno.h>

#include "runtime/base/mutex.h"
#include "runtime/os/os.h"

namespace heapprof::meta {
namespace {

constexpr std::size_t kPurposes = static_cast<std::size_t>(Purpose::kCount);
// Untouched pages of a chunk cost address space only, so a small program pays for what it uses.
constexpr std::size_t kFirstChunkBytes = std::size_t{256} << 10;
constexpr std::size_t kLargestChunkBytes = std::size_t{4} << 20;

// The start of every mapping: they form one list, which only grows, so it is walked without a lock.
struct alignas(64) Mapping {
  Mapping* next;
  std::size_t bytes;
  Purpose purpose;
};
static_assert(sizeof(Mapping) == 64, "blocks of 64-byte alignment follow the header without a gap");

struct Arena {
  base::Mutex lock;
  std::uintptr_t cursor = 0;  // both guarded by lock
  std::uintptr_t end = 0;
  std::size_t nextChunkBytes = kFirstChunkBytes;
  std::atomic<std::size_t> mapped{0};
};

constinit Arena arenas[kPurposes];
constinit std::atomic<Mapping*> mappings{nullptr};

constexpr std::uintptr_t roundUp(std::uintptr_t value, std::size_t alignment) noexcept {
  return (value + alignment - 1) & ~(static_cast<std::uintptr_t>(alignment) - 1);
}

Mapping* map(Purpose purpose, std::size_t bytes) noexcept {
  auto* mapping = static_cast<Mapping*>(os::calls().mapMetadata(bytes));
  if (mapping == nullptr) return nullptr;
  mapping->bytes = bytes;
  mapping->purpose = purpose;
  mapping->next = mappings.load(std::memory_order_relaxed);
  // release: a walker that sees the head sees its header (acquire in forEachMapping).
  while (!mappings.compare_exchange_weak(mapping->next, mapping, std::memory_order_release,
                                         std::memory_order_relaxed)) {
  }
  arenas[static_cast<std::size_t>(purpose)].mapped.fetch_add(bytes, std::memory_order_relaxed);
  return mapping;
}

void* cut(Arena& arena, std::size_t bytes, std::size_t alignment) noexcept {
  const std::uintptr_t start = roundUp(arena.cursor, alignment);
  if (arena.cursor == 0 || start > arena.end || arena.end - start < bytes) return nullptr;
  arena.cursor = start + bytes;
  return reinterpret_cast<void*>(start);
}

bool startChunk(Arena& arena, Purpose purpose) noexcept {
  const std::size_t bytes = arena.nextChunkBytes;
  Mapping* mapping = map(purpose, bytes);
  if (mapping == nullptr) return false;
  arena.cursor = reinterpret_cast<std::uintptr_t>(mapping + 1);
  arena.end = reinterpret_cast<std::uintptr_t>(mapping) + bytes;
  if (arena.nextChunkBytes < kLargestChunkBytes) arena.nextChunkBytes *= 2;
  return true;
}

}  // namespace

void* allocate(Purpose purpose, std::size_t bytes, std::size_t alignment) noexcept {
  if (bytes > (std::size_t{1} << 46) || alignment > (std::size_t{1} << 30)) {
    errno = ENOMEM;
    return nullptr;
  }
  Arena& arena = arenas[static_cast<std::size_t>(purpose)];
  base::MutexGuard guard(arena.lock);
  if (void* block = cut(arena, bytes, alignment)) return block;
  // Big blocks get a mapping of their own, so that the rest of the chunk in use is not lost.
  if (bytes + alignment + sizeof(Mapping) > arena.nextChunkBytes / 2) {
    const std::size_t total = roundUp(bytes + alignment + sizeof(Mapping), os::pageBytes());
    Mapping* mapping = map(purpose, total);
    if (mapping == nullptr) return nullptr;
    return reinterpret_cast<void*>(roundUp(reinterpret_cast<std::uintptr_t>(mapping + 1), alignment));
  }
  if (!startChunk(arena, purpose)) return nullptr;
  return cut(arena, bytes, alignment);
}

std::size_t mappedBytes(Purpose purpose) noexcept {
  return arenas[static_cast<std::size_t>(purpose)].mapped.load(std::memory_order_relaxed);
}

void forEachMapping(MappingVisitor visit, void* context) noexcept {
  // acquire: pairs with the release in map().
  for (const Mapping* m = mappings.load(std::memory_order_acquire); m != nullptr; m = m->next) {
    visit(context, m->purpose, m, m->bytes);
  }
}

void prepareFork() noexcept {
  for (Arena& arena : arenas) arena.lock.lock();
}

void parentAfterFork() noexcept {
  for (Arena& arena : arenas) arena.lock.unlock();
}

void resetAfterFork() noexcept {
  for (Arena& arena : arenas) arena.lock.reset();
}

}  // namespace heapprof::meta

// operator new and delete, every one of them. What happens when memory has run out is in new_failure.cpp.
#include "runtime/entry/fast_path.h"
#include "runtime/entry/malloc_family.h"
#include "runtime/entry/new_failure.h"

namespace {

using heapprof::entry::allocateFast;
using heapprof::entry::allocateOrNull;
using heapprof::entry::allocateOrThrow;
using heapprof::entry::freeFast;
using heapprof::sampling::Kind;

[[gnu::noinline]] void* newSlow(std::size_t bytes) {
  if (void* object = heapprof::entry::allocateMedium(bytes)) return object;
  return allocateOrThrow({bytes, 0, Kind::kNew, false, __builtin_frame_address(0)});
}
[[gnu::noinline]] void* newArraySlow(std::size_t bytes) {
  if (void* object = heapprof::entry::allocateMedium(bytes)) return object;
  return allocateOrThrow({bytes, 0, Kind::kNewArray, false, __builtin_frame_address(0)});
}

}  // namespace

extern "C" {

void* hp_new(std::size_t bytes) {
  void* object = allocateFast(bytes);
  if (object == nullptr) [[unlikely]]
    return newSlow(bytes);
  return object;
}
void* hp_new_array(std::size_t bytes) {
  void* object = allocateFast(bytes);
  if (object == nullptr) [[unlikely]]
    return newArraySlow(bytes);
  return object;
}
void* hp_new_nothrow(std::size_t bytes, const void*) noexcept {
  if (void* object = allocateFast(bytes)) return object;
  return allocateOrNull({bytes, 0, Kind::kNew, false, __builtin_frame_address(0)});
}
void* hp_new_array_nothrow(std::size_t bytes, const void*) noexcept {
  if (void* object = allocateFast(bytes)) return object;
  return allocateOrNull({bytes, 0, Kind::kNewArray, false, __builtin_frame_address(0)});
}
void* hp_new_aligned(std::size_t bytes, std::size_t alignment) {
  if (void* object = heapprof::entry::allocateAlignedFast(alignment, bytes)) return object;
  return allocateOrThrow({bytes, alignment, Kind::kNewAligned, false, __builtin_frame_address(0)});
}
void* hp_new_array_aligned(std::size_t bytes, std::size_t alignment) {
  if (void* object = heapprof::entry::allocateAlignedFast(alignment, bytes)) return object;
  return allocateOrThrow({bytes, alignment, Kind::kNewAligned, false, __builtin_frame_address(0)});
}
void* hp_new_aligned_nothrow(std::size_t bytes, std::size_t alignment, const void*) noexcept {
  if (void* object = heapprof::entry::allocateAlignedFast(alignment, bytes)) return object;
  return allocateOrNull({bytes, alignment, Kind::kNewAligned, false, __builtin_frame_address(0)});
}
void* hp_new_array_aligned_nothrow(std::size_t bytes, std::size_t alignment, const void*) noexcept {
  if (void* object = heapprof::entry::allocateAlignedFast(alignment, bytes)) return object;
  return allocateOrNull({bytes, alignment, Kind::kNewAligned, false, __builtin_frame_address(0)});
}

void hp_delete(void* pointer) noexcept {
  freeFast(pointer);
}
void hp_delete_array(void* pointer) noexcept {
  freeFast(pointer);
}
void hp_delete_sized(void* pointer, std::size_t) noexcept {
  freeFast(pointer);
}
void hp_delete_array_sized(void* pointer, std::size_t) noexcept {
  freeFast(pointer);
}
void hp_delete_nothrow(void* pointer, const void*) noexcept {
  freeFast(pointer);
}
void hp_delete_array_nothrow(void* pointer, const void*) noexcept {
  freeFast(pointer);
}
void hp_delete_aligned(void* pointer, std::size_t) noexcept {
  freeFast(pointer);
}
void hp_delete_array_aligned(void* pointer, std::size_t) noexcept {
  freeFast(pointer);
}
void hp_delete_sized_aligned(void* pointer, std::size_t, std::size_t) noexcept {
  freeFast(pointer);
}
void hp_delete_array_sized_aligned(void* pointer, std::size_t, std::size_t) noexcept {
  freeFast(pointer);
}
void hp_delete_aligned_nothrow(void* pointer, std::size_t, const void*) noexcept {
  freeFast(pointer);
}
void hp_delete_array_aligned_nothrow(void* pointer, std::size_t, const void*) noexcept {
  freeFast(pointer);
}

}  // extern "C"

// operator new and delete in every form: arrays, alignment, nothrow, sized deletes, new handlers.
#include <new>
#include <set>
#include <stdexcept>

#include "tests/conformance/support.h"

namespace heapprof::conformance {
namespace {

constexpr std::size_t kImpossible = kPtrdiffMax - 4096;

struct Handler {
  explicit Handler(std::new_handler handler) : previous(std::set_new_handler(handler)) { calls = 0; }
  ~Handler() { std::set_new_handler(previous); }
  std::new_handler previous;
  static int calls;
};
int Handler::calls = 0;

void giveUpAfterThree() {
  if (++Handler::calls == 3) std::set_new_handler(nullptr);
}
void throwBadAlloc() {
  Handler::calls++;
  throw std::bad_alloc();
}
struct OwnFailure : std::bad_alloc {};
void throwOwn() {
  Handler::calls++;
  throw OwnFailure();
}

TEST(New, EverySizeIsAlignedAndWritable) {
  for (std::size_t n : interestingSizes(std::size_t{1} << 20)) {
    void* blocks[] = {family().opNew(n), family().opNewArray(n), family().opNewNothrow(n),
                      family().opNewArrayNothrow(n)};
    for (void* p : blocks) {
      ASSERT_NE(p, nullptr);
      ASSERT_TRUE(isAligned(p, naturalAlignment(n)));
      fill(p, n, 1);
    }
    family().opDelete(blocks[0]);
    family().opDeleteArray(blocks[1]);
    family().opDeleteNothrow(blocks[2]);
    family().opDeleteArrayNothrow(blocks[3]);
  }
}

TEST(New, ZeroBytesGiveDistinctPointers) {
  std::set<void*> seen;
  for (int i = 0; i < 100; i++) {
    for (void* p : {family().opNew(0), family().opNewArray(0), family().opNewNothrow(0),
                    family().opNewAligned(0, 64)}) {
      ASSERT_NE(p, nullptr);
      ASSERT_TRUE(seen.insert(p).second);
    }
  }
  for (void* p : seen) family().opDelete(p);
}

TEST(New, SizedDeletesTakeEverySize) {
  for (std::size_t n : interestingSizes(std::size_t{1} << 20)) {
    errno = 31;
    family().opDeleteSized(family().opNew(n), n);
    family().opDeleteArraySized(family().opNewArray(n), n);
  }
}

TEST(New, DeletesPreserveErrno) {
  for (std::size_t n : {8, 1000, 100000, 10000000}) {
    void* p = family().opNew(n);
    errno = 31;
    family().opDelete(p);
    EXPECT_EQ(errno, 31);
    p = family().opNewAligned(n, 128);
    errno = 32;
    family().opDeleteSizedAligned(p, n, 128);
    EXPECT_EQ(errno, 32);
  }
}

TEST(New, AlignedFormsHonourEveryAlignment) {
  for (std::size_t alignment = 1; alignment <= (std::size_t{4} << 20); alignment *= 2) {
    for (std::size_t n : {std::size_t{1}, std::size_t{100}, alignment, alignment + 1}) {
      void* blocks[] = {
          family().opNewAligned(n, alignment),        family().opNewArrayAligned(n, alignment),
          family().opNewAlignedNothrow(n, alignment), family().opNewArrayAlignedNothrow(n, alignment),
          family().opNewAligned(n, alignment),        family().opNewArrayAligned(n, alignment)};
      for (void* p : blocks) {
        ASSERT_NE(p, nullptr);
        ASSERT_TRUE(isAligned(p, alignment)) << alignment << " " << n;
        fill(p, n, 1);
      }
      family().opDeleteAligned(blocks[0], alignment);
      family().opDeleteArrayAligned(blocks[1], alignment);
      family().opDeleteAlignedNothrow(blocks[2], alignment);
      family().opDeleteArrayAlignedNothrow(blocks[3], alignment);
      family().opDeleteSizedAligned(blocks[4], n, alignment);
      family().opDeleteArraySizedAligned(blocks[5], n, alignment);
    }
  }
}

TEST(New, DeleteOfNullDoesNothing) {
  errno = 5;
  family().opDelete(nullptr);
  family().opDeleteArray(nullptr);
  family().opDeleteSized(nullptr, 10);
  family().opDeleteArraySized(nullptr, 10);
  family().opDeleteNothrow(nullptr);
  family().opDeleteArrayNothrow(nullptr);
  family().opDeleteAligned(nullptr, 64);
  family().opDeleteArrayAligned(nullptr, 64);
  family().opDeleteSizedAligned(nullptr, 10, 64);
  family().opDeleteArraySizedAligned(nullptr, 10, 64);
  family().opDeleteAlignedNothrow(nullptr, 64);
  family().opDeleteArrayAlignedNothrow(nullptr, 64);
  EXPECT_EQ(errno, 5);
}

TEST(New, WithoutHandlerFailureThrowsBadAlloc) {
  Handler none(nullptr);
  EXPECT_THROW(family().opNew(opaque(kImpossible)), std::bad_alloc);
  EXPECT_THROW(family().opNewArray(opaque(kImpossible)), std::bad_alloc);
  EXPECT_THROW(family().opNew(opaque(SIZE_MAX)), std::bad_alloc);
  EXPECT_THROW(family().opNewAligned(opaque(kImpossible), 64), std::bad_alloc);
  EXPECT_THROW(family().opNewArrayAligned(opaque(kImpossible), 64), std::bad_alloc);
}

TEST(New, WithoutHandlerNothrowGivesNull) {
  Handler none(nullptr);
  EXPECT_EQ(family().opNewNothrow(opaque(kImpossible)), nullptr);
  EXPECT_EQ(family().opNewArrayNothrow(opaque(kImpossible)), nullptr);
  EXPECT_EQ(family().opNewNothrow(opaque(SIZE_MAX)), nullptr);
  EXPECT_EQ(family().opNewAlignedNothrow(opaque(kImpossible), 64), nullptr);
  EXPECT_EQ(family().opNewArrayAlignedNothrow(opaque(kImpossible), 64), nullptr);
}

TEST(New, TheHandlerIsCalledUntilItGivesUp) {
  {
    Handler handler(giveUpAfterThree);
    EXPECT_THROW(family().opNew(opaque(kImpossible)), std::bad_alloc);
    EXPECT_EQ(Handler::calls, 3);
  }
  {
    Handler handler(giveUpAfterThree);
    EXPECT_THROW(family().opNewArray(opaque(kImpossible)), std::bad_alloc);
    EXPECT_EQ(Handler::calls, 3);
  }
  {
    Handler handler(giveUpAfterThree);
    EXPECT_THROW(family().opNewAligned(opaque(kImpossible), 256), std::bad_alloc);
    EXPECT_EQ(Handler::calls, 3);
  }
}

TEST(New, NothrowCallsTheHandlerToo) {
  for (auto allocate : {family().opNewNothrow, family().opNewArrayNothrow}) {
    Handler handler(giveUpAfterThree);
    EXPECT_EQ(allocate(opaque(kImpossible)), nullptr);
    EXPECT_EQ(Handler::calls, 3);
  }
  for (auto allocate : {family().opNewAlignedNothrow, family().opNewArrayAlignedNothrow}) {
    Handler handler(giveUpAfterThree);
    EXPECT_EQ(allocate(opaque(kImpossible), 64), nullptr);
    EXPECT_EQ(Handler::calls, 3);
  }
}

TEST(New, WhatTheHandlerThrowsReachesTheCaller) {
  Handler handler(throwOwn);
  EXPECT_THROW(family().opNew(opaque(kImpossible)), OwnFailure);
  EXPECT_THROW(family().opNewAligned(opaque(kImpossible), 64), OwnFailure);
  EXPECT_EQ(Handler::calls, 2);
}

TEST(New, NothrowSwallowsWhatTheHandlerThrows) {
  Handler handler(throwBadAlloc);
  EXPECT_EQ(family().opNewNothrow(opaque(kImpossible)), nullptr);
  EXPECT_EQ(family().opNewArrayNothrow(opaque(kImpossible)), nullptr);
  EXPECT_EQ(family().opNewAlignedNothrow(opaque(kImpossible), 64), nullptr);
  EXPECT_EQ(family().opNewArrayAlignedNothrow(opaque(kImpossible), 64), nullptr);
  EXPECT_EQ(Handler::calls, 4);
}

TEST(New, TheHandlerIsNotCalledWhenMemoryIsThere) {
  Handler handler(throwBadAlloc);
  family().opDelete(family().opNew(1000));
  EXPECT_EQ(Handler::calls, 0);
}

}  // namespace
}  // namespace heapprof::conformance

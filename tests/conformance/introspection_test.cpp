// malloc_trim, mallopt, mallinfo2, malloc_info: harmless, and telling the truth where they tell anything.
#include <cstdlib>
#include <string>

#include "tests/conformance/support.h"

namespace heapprof::conformance {
namespace {

TEST(Introspection, TrimKeepsLiveBlocks) {
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < 2000; i++) {
    void* p = family().malloc(i * 5);
    fill(p, i * 5, static_cast<unsigned>(i));
    blocks.push_back(p);
  }
  for (std::size_t i = 0; i < blocks.size(); i += 2) family().free(blocks[i]);
  const int first = family().trim(0);
  EXPECT_TRUE(first == 0 || first == 1);
  for (std::size_t i = 1; i < blocks.size(); i += 2) {
    ASSERT_EQ(firstDifference(blocks[i], i * 5, static_cast<unsigned>(i)), i * 5);
    family().free(blocks[i]);
  }
  const int second = family().trim(1 << 20);
  EXPECT_TRUE(second == 0 || second == 1);
}

TEST(Introspection, MallinfoSeesWhatIsHeld) {
  const auto before = family().mallinfo2();
  std::vector<void*> blocks;
  for (int i = 0; i < 1000; i++) blocks.push_back(family().malloc(10000));
  void* large = family().malloc(std::size_t{20} << 20);
  const auto during = family().mallinfo2();
  EXPECT_GE(during.uordblks + during.hblkhd,
            before.uordblks + before.hblkhd + 10000000 + (std::size_t{20} << 20));
  EXPECT_GE(during.arena + during.hblkhd, during.uordblks);
  for (void* p : blocks) family().free(p);
  family().free(large);
  const auto after = family().mallinfo2();
  EXPECT_LT(after.uordblks + after.hblkhd, during.uordblks + during.hblkhd - 20000000);
}

TEST(Introspection, MalloptAnswersZeroOrOneAndBreaksNothing) {
  for (int parameter : {M_MXFAST, M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX}) {
    const int answer = family().mallopt(parameter, parameter == M_MXFAST ? 64 : 1 << 20);
    EXPECT_TRUE(answer == 0 || answer == 1);
  }
  void* p = family().malloc(100);
  EXPECT_NE(p, nullptr);
  family().free(p);
}

TEST(Introspection, MallocInfoWritesAnElementAndRefusesOptions) {
  char* text = nullptr;
  std::size_t length = 0;
  FILE* stream = open_memstream(&text, &length);
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(family().mallocInfo(0, stream), 0);
  EXPECT_NE(family().mallocInfo(1, stream), 0);
  fclose(stream);
  const std::string report(text, length);
  EXPECT_NE(report.find("<malloc"), std::string::npos);
  EXPECT_NE(report.find("</malloc>"), std::string::npos);
  ::free(text);
}

}  // namespace
}  // namespace heapprof::conformance

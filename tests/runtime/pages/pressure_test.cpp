// When memory is short outside: what the files of a cgroup say, and what follows.
#include "runtime/pages/pressure.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

#include "runtime/pages/granule.h"
#include "runtime/pages/pages.h"

namespace heapprof::pages {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

class PressureTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/heapprof-pressure-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
    std::filesystem::create_directories(root_ + "/v2/job");
    write("/own", "0::/job\n");
    write("/v2/job/memory.max", "max\n");
    write("/v2/job/memory.high", "1000\n");
    write("/v2/job/memory.stat", "anon 1\ninactive_file 100\n");
    own_ = root_ + "/own";
    v2_ = root_ + "/v2";
    none_ = root_ + "/none";
    wait(0);
  }
  void TearDown() override {
    write("/v2/job/memory.high", "1000\n");
    use(0);
    look();
    pressureInChild();  // as a process that has not looked yet
    std::filesystem::remove_all(root_);
  }
  void write(const std::string& file, const std::string& text) const { std::ofstream(root_ + file) << text; }
  void use(int bytes) const { write("/v2/job/memory.current", std::to_string(bytes) + "\n"); }
  void limitToThousandMiB() const {
    write("/v2/job/memory.high", std::to_string(1000 * kMiB) + "\n");
    write("/v2/job/memory.stat", "inactive_file 0\n");
  }
  void useMiB(std::uint64_t mebibytes) const {
    write("/v2/job/memory.current", std::to_string(mebibytes * kMiB) + "\n");
  }
  void wait(int micros) const {
    write("/v2/job/memory.pressure",
          "some avg10=0.00 avg60=0.00 avg300=0.00 total=" + std::to_string(micros) + "\n");
  }
  Pressure look(std::uint64_t later = kSecond) {
    now_ += later;
    const std::string machine = root_ + "/meminfo";
    watchPressure(now_, held_,
                  {own_.c_str(), none_.c_str(), v2_.c_str(), none_.c_str(), none_.c_str(), none_.c_str(),
                   machine.c_str()});
    return pressure();
  }
  std::string root_, own_, v2_, none_;
  std::uint64_t held_ = 0;
  static inline std::uint64_t now_ = 1000 * kSecond;
};

TEST_F(PressureTest, BeginsAtFourFifthsAndEndsBelowThreeQuarters) {
  use(899);  // 799 without what the kernel drops first
  EXPECT_EQ(look(), Pressure::kNone);
  EXPECT_FALSE(isNear());
  use(900);
  EXPECT_EQ(look(), Pressure::kLimit);
  EXPECT_TRUE(isNear());
  use(850);
  EXPECT_EQ(look(), Pressure::kLimit);
  use(849);
  EXPECT_EQ(look(), Pressure::kNone);
  EXPECT_FALSE(isNear());
}

TEST_F(PressureTest, IsLookedAtOnceASecondAtMostAndTenTimesNearTheLimit) {
  limitToThousandMiB();
  use(0);
  EXPECT_EQ(look(), Pressure::kNone);
  useMiB(900);
  EXPECT_EQ(look(kSecond / 2), Pressure::kNone);
  EXPECT_EQ(look(kSecond / 2), Pressure::kLimit);
  useMiB(700);
  look(kSecond / 20);
  EXPECT_EQ(nearGranules(), 0u);
  look(kSecond / 20);
  EXPECT_EQ(nearGranules(), 100 * kMiB / kGranuleBytes);
}

TEST_F(PressureTest, LastsASecondThoughWhatWasFreeHasGoneAtOnce) {
  use(2000);
  EXPECT_EQ(look(), Pressure::kLimit);
  use(0);
  for (int i = 1; i < 10; ++i) EXPECT_EQ(look(kSecond / 10), Pressure::kLimit) << i;
  EXPECT_EQ(look(kSecond / 10), Pressure::kNone);
}

TEST_F(PressureTest, SaysHowMuchMayBeHeldUntilTheLimitIsNear) {
  limitToThousandMiB();
  useMiB(300);
  held_ = 77;
  look();
  EXPECT_EQ(nearGranules(), 77 + 500 * kMiB / kGranuleBytes);
  useMiB(900);
  look();
  EXPECT_EQ(nearGranules(), 77u);
  write("/v2/job/memory.high", "max\n");
  look();
  EXPECT_EQ(nearGranules(), ~std::uint64_t{0});
}

TEST_F(PressureTest, GrowthByAQuarterOfTheRoomAsksForAnotherLookAtOnce) {
  limitToThousandMiB();
  useMiB(400);
  held_ = 1000;
  look();
  held_ += 100 * kMiB / kGranuleBytes;
  noteHeld(held_ - 1);
  EXPECT_FALSE(limitIsDue());
  useMiB(900);
  EXPECT_EQ(look(kSoonestNanos), Pressure::kNone) << "nobody asked";
  noteHeld(held_);
  EXPECT_TRUE(limitIsDue());
  EXPECT_EQ(look(kSoonestNanos), Pressure::kLimit);
  EXPECT_FALSE(limitIsDue());
}

TEST_F(PressureTest, ATenthOfASecondWaitedIsPressureWhereMemoryIsScarce) {
  auto waitALot = [this, micros = 0]() mutable {
    wait(micros);
    look();
    wait(micros += 200'000);
    return look();
  };
  use(0);
  write("/meminfo", "MemTotal:   8000 kB\nMemFree:   1 kB\nMemAvailable:   1000 kB\n");
  EXPECT_EQ(waitALot(), Pressure::kNone) << "compaction, or a file that is read over and over";
  write("/meminfo", "MemTotal:   8000 kB\nMemFree:   1 kB\nMemAvailable:    999 kB\n");
  EXPECT_EQ(waitALot(), Pressure::kStalls);
  write("/meminfo", "MemTotal:   8000 kB\nMemFree:   1 kB\nMemAvailable:   1000 kB\n");
  use(875);
  EXPECT_EQ(waitALot(), Pressure::kStalls) << "of memory.high no more than an eighth is left";
}

TEST_F(PressureTest, ATenthOfASecondWaitedIsPressureWhereTheKernelDoesNotSayWhatIsLeft) {
  use(0);
  wait(0);
  EXPECT_EQ(look(), Pressure::kNone);
  wait(50'000);
  EXPECT_EQ(look(), Pressure::kNone);
  wait(151'000);
  EXPECT_EQ(look(), Pressure::kStalls);
  EXPECT_EQ(look(), Pressure::kNone);
}

}  // namespace
}  // namespace heapprof::pages

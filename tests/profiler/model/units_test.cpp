// Figures as people read them. The expected texts of pprof's own rules are what `go tool pprof` prints.
#include "profiler/model/units.h"

#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <random>

#include "profiler/model/columns.h"

namespace heapprof::model {
namespace {

TEST(ScaledLabel, TakesTheLargestUnitThatLeavesOneOrMore) {
  EXPECT_EQ(scaledLabel(0, "bytes", "auto"), "0");
  EXPECT_EQ(scaledLabel(1023, "bytes", "auto"), "1023B");
  EXPECT_EQ(scaledLabel(1024, "bytes", "auto"), "1kB");
  EXPECT_EQ(scaledLabel(1536, "bytes", "auto"), "1.50kB");
  EXPECT_EQ(scaledLabel(-1536, "bytes", "auto"), "-1.50kB");
  EXPECT_EQ(scaledLabel(std::int64_t{3} << 40, "bytes", "minimum"), "3TB");
  EXPECT_EQ(scaledLabel(3, "kb", "auto"), "3kB");
  EXPECT_EQ(scaledLabel(1500, "ms", "auto"), "1.50s");
  EXPECT_EQ(scaledLabel(7200, "seconds", "auto"), "2hrs");
  EXPECT_EQ(scaledLabel(42, "count", "auto"), "42");
}

TEST(BytesText, AFigureThatRoundsToTheNextUnitIsWrittenInIt) {
  EXPECT_EQ(bytesText(1023.75 * 1024), "1MB");
  EXPECT_EQ(bytesText(-1023.75 * 1024), "-1MB");
  EXPECT_EQ(bytesText(1018 * 1024), "1018kB");  // 0.994MB
  EXPECT_EQ(bytesText(1023.9 * 1024 * 1024, true), "+1GB");
  EXPECT_EQ(bytesText(1023), "1023B");  // bytes are counted, not rounded
  EXPECT_EQ(bytesText(1023.99 * 0x1p50), "1023.99PB");
  EXPECT_EQ(scaledLabel(1048320, "bytes", "auto"), "1023.75kB");  // pprof's own
}

TEST(BytesErrorText, StandsInTheUnitOfItsValueUnlessItWouldVanishThere) {
  EXPECT_EQ(errorText(Unit::kBytes, 7.31 * 0x1p20, 955.72 * 1024), "± 0.93MB");
  EXPECT_EQ(errorText(Unit::kBytes, 3 * 0x1p20, 352), "± 352B");
  EXPECT_EQ(errorText(Unit::kBytes, 0, 90 * 1024), "± 90kB");
}

TEST(CountText, GroupsThousandsFromTenThousandOn) {
  EXPECT_EQ(countText(9999), "9999");
  EXPECT_EQ(countText(10000), "10,000");
  EXPECT_EQ(countText(-1001345), "-1,001,345");
  EXPECT_EQ(countText(1234567.5), "1,234,567.50");
}

TEST(ScaledLabel, WhatRoundsToNothingIsAPlainZero) {
  EXPECT_EQ(scaledLabel(1, "bytes", "mb"), "0");
  EXPECT_EQ(scaledLabel(-1, "bytes", "mb"), "0");
  EXPECT_EQ(scaledLabel(5243, "bytes", "mb"), "0.01MB");
}

TEST(ScaledLabel, TheSmallestInt64HasNoPositiveAndIsStillPrinted) {
  EXPECT_FALSE(scaledLabel(INT64_MIN, "bytes", "auto").empty());
}

// Reading a label back gives the figure within half of its last digit.
TEST(ScaledLabel, ReadsBackWithinItsRounding) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const auto value = static_cast<std::int64_t>(random() >> (random() % 63 + 1));
    const std::string label = scaledLabel(value, "bytes", "auto");
    char* unit = nullptr;
    const double shown = std::strtod(label.c_str(), &unit);
    const std::string name(unit);
    double factor = 1;
    for (const char* each : {"B", "kB", "MB", "GB", "TB", "PB"}) {
      if (name == each || value == 0) break;
      factor *= 1024;
    }
    EXPECT_NEAR(shown * factor, static_cast<double>(value), 0.00501 * factor) << label;
  }
}

TEST(Percentage, IsFiveCharactersAndNeverHidesSmallShares) {
  EXPECT_EQ(percentage(0, 100), "    0%");
  EXPECT_EQ(percentage(1, 3), "33.33%");
  EXPECT_EQ(percentage(-1, 3), "33.33%");
  EXPECT_EQ(percentage(100, 100), "  100%");
  EXPECT_EQ(percentage(1, 1000), "  0.1%");
  EXPECT_EQ(percentage(1, 12345), "0.0081%");
  EXPECT_EQ(percentage(5, 0), "    0%");
}

TEST(CellText, UnknownIsAWordInEveryUnitAndNeverAFigure) {
  for (const Unit unit : {Unit::kText, Unit::kBytes, Unit::kCount, Unit::kNanoseconds, Unit::kFraction,
                          Unit::kAddress, Unit::kBytesPerSecond}) {
    Column column = numberColumn("c", "C", unit, "");
    addUnknown(column);
    EXPECT_EQ(cellText(column, 0), "unknown");
    EXPECT_EQ(cellText(column, 0, true), "unknown");
  }
}

// "1.20MB ± 3.40MB" was read as two figures of the same weight.
TEST(ErrorText, OfWhatMayBeNoneIsTheRangeOfTwoErrorsAndNotAnErrorLargerThanItsValue) {
  const double value = 1.2 * 0x1p20, error = 3.4 * 0x1p20;
  EXPECT_EQ(bytesWithError(value, error), "1.20MB (0 to 8MB)");
  EXPECT_EQ(bytesWithError(value, error, true), "+1.20MB (-5.60MB to +8MB)");
  EXPECT_EQ(bytesWithError(-value, error, true), "-1.20MB (-8MB to +5.60MB)");
  EXPECT_EQ(bytesWithError(2 * 0x1p20, 0x1p20, true), "+2MB (0 to +4MB)") << "two errors reach zero";
  EXPECT_EQ(bytesWithError(2.1 * 0x1p20, 0x1p20, true), "+2.10MB ± 1MB");
  EXPECT_EQ(errorText(Unit::kBytesPerSecond, 60 * 0x1p20, 2 * 0x1p20, true), "± 2MB/s");
  EXPECT_EQ(errorText(Unit::kCount, 10, 20, true), "(-30 to +50)");
}

TEST(ErrorText, HasNothingToSayOfNothing) {
  EXPECT_EQ(errorText(Unit::kBytes, 0, 0), "") << "not 0 (exact), where a column has zeros";
  EXPECT_EQ(errorText(Unit::kBytes, 5 * 0x1p20, 0.1), "") << "not ± 0";
  EXPECT_EQ(errorText(Unit::kBytes, 0.2, 0.3), "") << "not 0 (0 to 1B)";
  EXPECT_EQ(errorText(Unit::kBytesPerSecond, 1e-9, 87 * 1024, true), "± 87kB/s") << "of 0/s";
  EXPECT_EQ(errorText(Unit::kBytes, 5 * 0x1p20, 0), "exact");
  EXPECT_EQ(errorText(Unit::kBytes, 5 * 0x1p20, kNoError), "");
}

TEST(CellText, CarriesSignUnitAndError) {
  Column change = numberColumn("c", "C", Unit::kBytes, "", true);
  addWithError(change, 2048, 512);
  addWithError(change, -2048, 0);
  addWithError(change, 0, kNoError);
  EXPECT_EQ(cellText(change, 0, true), "+2kB ± 0.50kB");
  EXPECT_EQ(cellText(change, 1, true), "-2kB (exact)");
  EXPECT_EQ(cellText(change, 2, true), "0");
  Column share = numberColumn("s", "S", Unit::kFraction, "");
  addKnown(share, 0.1234);
  EXPECT_EQ(cellText(share, 0), "12.3%");
  Column address = numberColumn("a", "A", Unit::kAddress, "");
  addKnown(address, 0x7f0000000000);
  EXPECT_EQ(cellText(address, 0), "0x7f0000000000");
  Column count = numberColumn("n", "N", Unit::kCount, "");
  addKnown(count, 2.5);
  addKnown(count, 1e15);
  EXPECT_EQ(cellText(count, 0), "2.50");
  EXPECT_EQ(cellText(count, 1), "1,000,000,000,000,000");
  Column rate = numberColumn("r", "R", Unit::kBytesPerSecond, "", true);
  addKnown(rate, 1024);
  EXPECT_EQ(cellText(rate, 0), "+1kB/s");
}

}  // namespace
}  // namespace heapprof::model

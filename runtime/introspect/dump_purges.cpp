// What purging achieved: the totals, and the last passes.
#include "runtime/introspect/dump_context.h"
#include "runtime/introspect/message.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/scores.h"

namespace heapprof::introspect {
namespace {

constexpr std::size_t kBufferBytes = 16384;  // 64 passes of at most 160 bytes each, 3 histograms of 490
constexpr std::size_t kPassBytes = 256;
constexpr std::uint64_t kVerdictAfterNanos = 10'000'000'000;

enum class Verdict : std::uint8_t { kPending, kRight, kWrong };  // = PurgeVerdict in the schema

// Half of it back within ten seconds: it should have stayed.
Verdict verdictOf(const pages::PurgeRow& row, std::uint64_t age) noexcept {
  if (row.refaultedBytes[1] * 2 >= row.advisedBytes) return Verdict::kWrong;
  return age < kVerdictAfterNanos ? Verdict::kPending : Verdict::kRight;
}

struct Writing {
  const DumpContext& dump;
  Message& purges;

  void add(const pages::PurgeRow& row) noexcept {
    unsigned char buffer[kPassBytes];
    Message pass(buffer, sizeof buffer);
    const std::uint64_t now = dump.times.dumpMonotonic;
    const std::uint64_t age = now > row.startNanos ? now - row.startNanos : 0;
    pass.uint64(1, dump.times.dumpReal - age);
    pass.uint64(2, static_cast<std::uint64_t>(row.reason));
    pass.uint64(3, row.advisedBytes);
    if (row.residencyKnown) {
      pass.uint64(4, row.residentBytes);
      pass.uint64(5, row.returnedBytes);
    }
    pass.uint64(6, row.durationNanos);
    pass.uint64(7, row.hugePagesBroken);
    for (std::uint32_t i = 0; i < pages::kAges; ++i) pass.uint64Always(8 + i, row.refaultedBytes[i]);
    pass.uint64(11, row.keptBytes);
    pass.uint64(12, static_cast<std::uint64_t>(verdictOf(row, age)));
    purges.message(17, pass);
  }
};

// What forming achieved, and each cause for which the kernel refused (errno 0: any other).
void addForming(Message& purges) noexcept {
  const pages::HugeTotals totals = pages::hugeTotals();
  purges.uint64Always(6, totals.broken);
  purges.uint64Always(10, totals.formed);
  std::uint64_t refused = 0;
  for (const std::uint64_t count : totals.refusals) refused += count;
  purges.uint64Always(11, refused);
  for (unsigned cause = 0; cause < static_cast<unsigned>(pages::Cause::kCount); ++cause) {
    if (totals.refusals[cause] == 0) continue;
    purges.uint64Always(12, static_cast<std::uint64_t>(pages::errorOf(static_cast<pages::Cause>(cause))));
    purges.uint64Always(13, totals.refusals[cause]);
  }
}

// Packed counts up to the last that is not 0; an empty message says that nothing was counted, an absent one
// that nobody counts.
void addHistogram(Message& purges, std::uint32_t field,
                  const std::uint64_t (&counts)[pages::kBuckets]) noexcept {
  unsigned length = pages::kBuckets;
  while (length > 0 && counts[length - 1] == 0) --length;
  unsigned char packed[pages::kBuckets * 10], buffer[sizeof packed + 8];
  wire::Chunk values(packed, sizeof packed);
  for (unsigned i = 0; i < length; ++i) values.appendVarint(counts[i]);
  Message histogram(buffer, sizeof buffer);
  if (length > 0) histogram.bytes(1, values.data(), values.size());
  purges.message(field, histogram);
}

void addSpread(Message& purges, pages::PurgeSpread& spread) noexcept {
  pages::readSpread(spread);
  addHistogram(purges, 14, spread.advisedBytes);
  addHistogram(purges, 15, spread.durationNanos);
  addHistogram(purges, 16, spread.refaultNanos);
}

}  // namespace

bool writePurges(DumpContext& dump) noexcept {
  auto* buffer = dump.memory.takeArray<unsigned char>(kBufferBytes);
  auto* spread = dump.memory.takeArray<pages::PurgeSpread>(1);
  if (buffer == nullptr || spread == nullptr) return false;
  Message purges(buffer, kBufferBytes);
  const pages::PurgeTotals totals = pages::purgeTotals();
  purges.uint64Always(1, totals.passes);
  purges.uint64Always(2, totals.advisedBytes);
  if (totals.unknownPasses == 0) {
    purges.uint64Always(3, totals.residentBytes);
    purges.uint64Always(4, totals.returnedBytes);
  }
  purges.uint64Always(5, totals.nanos);
  for (std::uint32_t i = 0; i < pages::kAges; ++i) purges.uint64Always(7 + i, totals.refaultedBytes[i]);
  addForming(purges);
  addSpread(purges, *spread);
  Writing writing{dump, purges};
  pages::forEachPass(
      [](void* context, const pages::PurgeRow& row) { static_cast<Writing*>(context)->add(row); }, &writing);
  purges.writeAsSnapshotPart(dump.writer, 7);
  return true;
}

}  // namespace heapprof::introspect

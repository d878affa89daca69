// A dump small enough to know every figure of it, written through the real writer, and the generator of large
// ones.
//
//   main ─ parser::load ─ alloc_big     75 MiB   (baseline: 25 MiB)
//        ├ cache::fill  ─ alloc_small   25 MiB   (baseline: 25 MiB)
//        └ old::stay    ─ alloc_gone     0       (baseline: 50 MiB)
//
// Resident: 150 MiB = 100 live + 20 free slots + 10 dirty + 5 metadata + 14 other + 1 unattributed.
// Huge pages: 0 (full), 1 (half live), 2 (an eighth live, all resident), 600 (given back).
#pragma once

#include <QString>
#include <QStringList>

namespace heapprof::test {

inline constexpr double kMiB = 1024.0 * 1024.0;

// kForeign: stacks alone, as another tool would write them. kWrapped: as kAfter, but both allocations go
// through zmalloc, and the command line says "known-server: worker". kFreed: the samples are there, but
// nothing is alive.
enum class Known { kAfter, kBefore, kForeign, kWrapped, kFreed };

QString writeKnownDump(const QString& folder, const QString& name, Known which);

// One of a series of dumps, a minute apart, of one process: parser::load took ten objects of 1 MiB a minute
// and freed none, cache::fill took 25 in its first minute. `step` from 0.
QString writeLeakStep(const QString& folder, const QString& name, int step);

// Runs the generator with these flags; the path, or "" when it failed.
QString makeDump(const QString& program, const QString& folder, const QString& name,
                 const QStringList& flags);

}  // namespace heapprof::test

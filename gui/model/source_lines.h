// A function's source with what each line stores and what passes through it: `top` by lines, laid beside the
// text of the file. Computes no figure of its own.
//
// Invariant: pure but for reading one file; any thread. Where the file cannot be shown, `problem` says why
// and what to do, and the table has the lines that the dump names, without their text.
#pragma once

#include <QString>
#include <QStringList>

#include "profiler/model/table.h"

namespace heapprof::gui {

struct SourceAnswer {
  model::Table table;  // flat, cum, line, source
  QString file;        // as the dump names it; "" where it names none
  QString path;        // what was read; "" when nothing was
  QString problem;     // one or two sentences
  int heaviest = -1;   // row of the line with most cum; -1: none
};

// `lines`: the table of analysis::top at line granularity. `folders`: where else to look for the file; its
// leading folders are dropped one by one there. `dumpedAt`: seconds since 1970; 0: unknown.
SourceAnswer sourceOf(const model::Table& lines, const QString& function, const QStringList& folders,
                      qint64 dumpedAt);

// The file itself or the same below one of the folders; "" when there is none.
QString findSource(const QString& file, const QStringList& folders);

}  // namespace heapprof::gui

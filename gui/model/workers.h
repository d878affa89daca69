// The threads that load and analyse. Not Qt's global pool: its painter hands large fills to that one and
// waits for them, so that a window would stand still behind an analysis that fills it.
//
// Invariant: nothing but work started by this program runs here. Any thread.
#pragma once

#include <QThreadPool>

namespace heapprof::gui {

QThreadPool& workers();

}  // namespace heapprof::gui

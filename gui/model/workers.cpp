#include "gui/model/workers.h"

namespace heapprof::gui {

QThreadPool& workers() {
  static QThreadPool pool;
  return pool;
}

}  // namespace heapprof::gui

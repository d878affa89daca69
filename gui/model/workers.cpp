#include "gui/model/workers.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace heapprof::gui {

QThreadPool& workers() {
  static QThreadPool pool;
  return pool;
}

void dispose(std::function<void()> release) {
  constexpr int kBeforeAnalyses = 1;  // memory comes back first
  workers().start(std::move(release), kBeforeAnalyses);
}

void giveWay() {
  constexpr int kNicer = 10;
  thread_local bool gave = false;
  if (gave) return;
  gave = true;
  // Linux has a nice value for each thread; where it cannot be set, nothing is lost.
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNicer);
}

}  // namespace heapprof::gui

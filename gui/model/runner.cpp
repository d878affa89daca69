#include "gui/model/runner.h"

#include "gui/model/session.h"

namespace heapprof::gui {

Runner::Runner(Session& session, QObject* parent) : QObject(parent), session_(session) {}

Runner::~Runner() {
  cancel();
  for (; running_ > 0; --running_) session_.workEnded();
}

void Runner::cancel() {
  if (stop_) stop_->store(true, std::memory_order_relaxed);
  ++generation_;
}

std::shared_ptr<std::atomic<bool>> Runner::begin() {
  cancel();
  stop_ = std::make_shared<std::atomic<bool>>(false);
  ++running_;
  session_.workBegan();
  return stop_;
}

void Runner::end() {
  --running_;
  session_.workEnded();
}

}  // namespace heapprof::gui

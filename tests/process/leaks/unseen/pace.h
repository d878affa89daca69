// What the six programs share: a dump on request, and a clock that ticks every 5 ms of real time. All work is
// counted in ticks, so a loaded machine stretches a run but does not change what it allocates.
#pragma once
#include <chrono>
#include <thread>

extern "C" int heapprof_dump(const char* path) __attribute__((weak));

inline void dump_now() {
  if (heapprof_dump) heapprof_dump(nullptr);
}

class Ticker {
 public:
  // Dumps after tick `first` and then every `every` ticks; run() returns false once `dumps` were taken.
  Ticker(int first, int every, int dumps) : next_dump_(first), every_(every), left_(dumps) {}
  bool run() {
    if (tick_ == next_dump_) {
      dump_now();
      next_dump_ += every_;
      if (--left_ == 0) return false;
    }
    ++tick_;
    due_ += std::chrono::milliseconds(5);
    std::this_thread::sleep_until(due_);
    return true;
  }
  int tick() const { return tick_; }

 private:
  int tick_ = 0, next_dump_, every_, left_;
  std::chrono::steady_clock::time_point due_ = std::chrono::steady_clock::now();
};

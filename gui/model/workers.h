// The threads that load and analyse. Not Qt's global pool: its painter hands large fills to that one and
// waits for them, so that a window would stand still behind an analysis that fills it.
//
// Invariant: nothing but work started by this program runs here. Any thread.
#pragma once

#include <QThreadPool>
#include <functional>
#include <memory>
#include <utility>

namespace heapprof::gui {

QThreadPool& workers();

// Takes a result apart on a worker: freeing a table of 200,000 stacks would hold the window for 100 ms.
void dispose(std::function<void()> release);

// The same object; whoever drops the last reference, a worker frees it.
template <typename T>
std::shared_ptr<T> retiring(std::shared_ptr<T> owned) {
  T* const object = owned.get();
  return std::shared_ptr<T>(object, [owned = std::move(owned)](T*) mutable {
    dispose([last = std::move(owned)]() mutable { last.reset(); });
  });
}

// Called by each piece of work as it begins: its thread gives way to the window's where processors are few.
// On a machine of two, two workers made a beat of the event loop wait 70 ms that itself worked 30.
void giveWay();

}  // namespace heapprof::gui

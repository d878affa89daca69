// Runs a page's analyses on a worker and brings back the newest result only: starting again cancels what
// runs, and a result that was overtaken is dropped by its generation, so a page never shows an answer to an
// old question.
//
// Invariant: `done` is called on the GUI thread, at most once a run, and never after the Runner is gone.
#pragma once

#include <QFutureWatcher>
#include <QObject>
#include <QtConcurrentRun>
#include <atomic>
#include <functional>
#include <memory>

#include "gui/model/workers.h"

namespace heapprof::gui {

class Session;

class Runner final : public QObject {
  Q_OBJECT

 public:
  explicit Runner(Session& session, QObject* parent = nullptr);
  ~Runner() override;

  // work(Cancel) -> Result on a pool thread; done(std::shared_ptr<const Result>) here.
  template <typename Work, typename Done>
  void run(Work work, Done done) {
    using Result = decltype(work(std::function<bool()>{}));
    const std::shared_ptr<std::atomic<bool>> stop = begin();
    const quint64 mine = generation_;
    using Answer = std::shared_ptr<const Result>;
    // A watcher and not QFuture::then(this, ...): Qt 6.4 dereferences a context that has gone meanwhile.
    auto* watcher = new QFutureWatcher<Answer>(this);
    connect(watcher, &QFutureWatcherBase::finished, this, [this, watcher, mine, done = std::move(done)] {
      watcher->deleteLater();
      end();
      if (mine == generation_) done(watcher->result());
    });
    watcher->setFuture(QtConcurrent::run(&workers(), [work = std::move(work), stop]() -> Answer {
      giveWay();
      return Answer(new Result(work([stop] { return stop->load(std::memory_order_relaxed); })),
                    [](const Result* result) { dispose([result] { delete result; }); });
    }));
  }

  void cancel();

 private:
  std::shared_ptr<std::atomic<bool>> begin();
  void end();

  Session& session_;
  std::shared_ptr<std::atomic<bool>> stop_;
  quint64 generation_ = 0;
  int running_ = 0;
};

}  // namespace heapprof::gui

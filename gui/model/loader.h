// Loads dumps one after another on a worker, with progress and cancel. Each dump is announced as soon as it
// is ready, so the first one can be read while the others load.
//
// Invariant: signals come on the GUI thread, in the order of the request; after cancel() only finished()
// follows.
#pragma once

#include <QFuture>
#include <QObject>
#include <QStringList>
#include <functional>
#include <memory>

#include "profiler/model/snapshot.h"

namespace heapprof::gui {

class Loader final : public QObject {
  Q_OBJECT

 public:
  explicit Loader(QObject* parent = nullptr);
  ~Loader() override;

  // Files to add, and one that becomes the baseline ("" for none). Cancels what is being loaded.
  void load(const QStringList& files, const QString& base = {});
  void cancel();
  bool busy() const { return busy_; }

 Q_SIGNALS:
  void progress(const QString& path, const QString& phase, double fraction);
  void loaded(heapprof::model::SnapshotPtr snapshot, bool asBaseline);
  void failed(const QString& path, const QString& message);  // message: one line that names the file
  void finished(bool cancelled);

 private:
  struct Job;
  void runJob(const std::shared_ptr<Job>& job);                                         // on the worker
  void loadOne(const std::shared_ptr<Job>& job, const QString& path, bool asBaseline);  // on the worker
  void post(const std::shared_ptr<Job>& job, std::function<void()> action);  // from the worker to here

  std::shared_ptr<Job> job_;
  QFuture<void> worker_;
  bool busy_ = false;
};

}  // namespace heapprof::gui

#include "gui/model/loader.h"

#include <QElapsedTimer>
#include <QtConcurrentRun>
#include <atomic>

#include "gui/model/workers.h"

namespace heapprof::gui {
namespace {

// A progress bar needs no more than this; more would only fill the event queue.
constexpr qint64 kProgressMillis = 33;

}  // namespace

struct Loader::Job {
  QStringList files;
  QString base;
  std::atomic<bool> stop{false};
};

Loader::Loader(QObject* parent) : QObject(parent) {
  qRegisterMetaType<heapprof::model::SnapshotPtr>("heapprof::model::SnapshotPtr");
}

Loader::~Loader() {
  if (job_) job_->stop.store(true, std::memory_order_relaxed);
  worker_.waitForFinished();  // it posts to this object
}

void Loader::load(const QStringList& files, const QString& base) {
  cancel();
  const auto job = std::make_shared<Job>();
  job->files = files;
  job->base = base;
  job_ = job;
  busy_ = true;
  worker_ = QtConcurrent::run(&workers(), [this, job, before = worker_]() mutable {
    before.waitForFinished();  // so that the destructor needs to wait for the last one only
    giveWay();
    runJob(job);
  });
}

void Loader::cancel() {
  if (!busy_) return;
  job_->stop.store(true, std::memory_order_relaxed);
  job_.reset();
  busy_ = false;
  Q_EMIT finished(true);
}

void Loader::post(const std::shared_ptr<Job>& job, std::function<void()> action) {
  QMetaObject::invokeMethod(
      this,
      [this, job, action = std::move(action)] {
        if (job == job_) action();  // else it was cancelled or overtaken
      },
      Qt::QueuedConnection);
}

void Loader::runJob(const std::shared_ptr<Job>& job) {
  // The baseline first: when the dump in front arrives, its pages are differences at once.
  if (!job->base.isEmpty()) loadOne(job, job->base, true);
  for (const QString& path : job->files) loadOne(job, path, false);
  post(job, [this] {
    busy_ = false;
    job_.reset();
    Q_EMIT finished(false);
  });
}

void Loader::loadOne(const std::shared_ptr<Job>& job, const QString& path, bool asBaseline) {
  if (job->stop.load(std::memory_order_relaxed)) return;
  QElapsedTimer sinceLast;
  model::LoadOptions options;
  options.progress = [&](absl::string_view phase, double fraction) {
    if (!sinceLast.isValid() || sinceLast.elapsed() >= kProgressMillis) {
      sinceLast.start();
      const QString name = QString::fromUtf8(phase.data(), static_cast<qsizetype>(phase.size()));
      post(job, [this, path, name, fraction] { Q_EMIT progress(path, name, fraction); });
    }
    return !job->stop.load(std::memory_order_relaxed);
  };
  const absl::StatusOr<model::SnapshotPtr> snapshot = model::loadSnapshot(path.toStdString(), options);
  if (snapshot.ok()) {
    post(job, [this, dump = *snapshot, asBaseline] { Q_EMIT loaded(dump, asBaseline); });
  } else {
    const absl::string_view text = snapshot.status().message();
    const QString message = QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
    post(job, [this, path, message] { Q_EMIT failed(path, message); });
  }
}

}  // namespace heapprof::gui

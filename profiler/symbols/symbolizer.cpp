#include "profiler/symbols/symbolizer.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <libelf.h>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "profiler/symbols/merge.h"
#include "profiler/symbols/module.h"
#include "profiler/symbols/perf_map.h"
#include "profiler/symbols/symbol_cache.h"

namespace heapprof::symbols {
namespace {

using formats::kNoRow;
using formats::Row;

// The locations of one binary, and what became of them. Filled by one worker, then read by the caller.
struct Job {
  ModuleRequest request;
  std::string cacheFolder;
  std::vector<Row> locations;
  std::unique_ptr<SymbolCache> cache;
  std::vector<Row> cached;                 // parallel to `locations`: the cache's row, or kNoRow and then
  std::vector<std::vector<Frame>> frames;  // what was found now
  std::string note;
  bool hasDwarf = false;
};

// What a mapping without a file behind it is called.
std::string pseudoName(const std::string& file) {
  if (file == "[vdso]" || file == "linux-vdso.so.1") return "[vdso]";
  if (file == "[vsyscall]") return "[vsyscall]";
  if (file.empty() || absl::StartsWith(file, "//anon") || absl::StartsWith(file, "[") ||
      absl::StartsWith(file, "/memfd:") || absl::StartsWith(file, "/dev/zero")) {
    return kUnnamedCode;
  }
  return {};
}

struct Work {
  std::vector<Job> jobs;
  std::size_t locations = 0;
};

bool lacksLines(const formats::LocationColumns& locations, std::size_t row) {
  return locations.lineBegin[row] == locations.lineBegin[row + 1];
}

// Names of generated code, read when the first is asked for.
class GeneratedCode {
 public:
  GeneratedCode(const formats::ProfileColumns& profile, const ResolveOptions& options)
      : sysroot_(options.sysroot) {
    const heapprof::Header& header = profile.heapSnapshot.header();
    process_ = {header.pid(), header.start_time_nanos(), header.dump_time_nanos()};
  }

  std::string nameOf(std::uint64_t address) {
    if (!read_) {
      read_ = true;
      absl::StatusOr<PerfMap> map = PerfMap::ofProcess(process_, sysroot_);
      if (map.ok()) {
        map_ = *std::move(map);
      } else {
        note_ = std::string(map.status().message());
      }
    }
    const absl::optional<absl::string_view> name = map_.nameOf(address);
    return name ? absl::StrCat(*name, " [JIT]") : kUnnamedCode;
  }
  const std::string& note() const { return note_; }

 private:
  RecordedProcess process_;
  std::string sysroot_;
  bool read_ = false;
  PerfMap map_;
  std::string note_;
};

Work plan(const formats::ProfileColumns& profile, const ResolveOptions& options, GeneratedCode* generated,
          Merger* merger) {
  Work work;
  std::map<std::pair<std::string, std::string>, std::size_t>
      jobOf;  // ordered: notes come out the same each time
  const formats::LocationColumns& locations = profile.locations;
  for (std::size_t row = 0; row < locations.size(); ++row) {
    if (!lacksLines(locations, row) || locations.mapping[row] == kNoRow) continue;
    const formats::Mapping& mapping = profile.mappings[locations.mapping[row]];
    const std::string& file = profile.strings[mapping.file];
    if (const std::string pseudo = pseudoName(file); !pseudo.empty()) {
      Frame frame;
      frame.name = pseudo == kUnnamedCode ? generated->nameOf(locations.address[row]) : pseudo;
      frame.systemName = frame.name;
      merger->add(static_cast<Row>(row), {frame});
      continue;
    }
    const std::string& buildId = profile.strings[mapping.buildId];
    auto [entry, isNew] = jobOf.try_emplace({file, buildId}, work.jobs.size());
    if (isNew) {
      work.jobs.emplace_back();
      work.jobs.back().request = {file, buildId, options.sysroot, profile.timeNanos};
      work.jobs.back().cacheFolder = options.cacheFolder;
    }
    work.jobs[entry->second].locations.push_back(static_cast<Row>(row));
    ++work.locations;
  }
  return work;
}

class Pool {
 public:
  Pool(const formats::ProfileColumns& profile, Work* work) : profile_(profile), work_(*work) {
    for (std::size_t i = 0; i < work_.jobs.size(); ++i) order_.push_back(i);
    // The largest first: the last worker to finish decides.
    std::stable_sort(order_.begin(), order_.end(), [this](std::size_t a, std::size_t b) {
      return work_.jobs[a].locations.size() > work_.jobs[b].locations.size();
    });
  }

  // False when the caller cancelled.
  bool run(const std::function<bool(double)>& progress) {
    const std::size_t count =
        std::min<std::size_t>(std::max(1u, std::thread::hardware_concurrency()), work_.jobs.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back([this] { work(); });
    bool wanted = true;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      while (finished_ < work_.jobs.size() && wanted) {
        changed_.wait_for(lock, std::chrono::milliseconds(50));
        if (!progress) continue;
        const double fraction = static_cast<double>(done_.load(std::memory_order_relaxed)) /
                                static_cast<double>(std::max<std::size_t>(1, work_.locations));
        lock.unlock();
        wanted = progress(fraction);
        lock.lock();
      }
    }
    cancelled_.store(!wanted, std::memory_order_relaxed);
    for (std::thread& thread : threads) thread.join();
    return wanted;
  }

 private:
  void work() {
    for (std::size_t next = next_++; next < order_.size(); next = next_++) {
      resolveJob(&work_.jobs[order_[next]]);
      const std::lock_guard<std::mutex> lock(mutex_);
      ++finished_;
      changed_.notify_one();
    }
  }

  void resolveJob(Job* job) {
    job->frames.resize(job->locations.size());
    job->cached.resize(job->locations.size(), kNoRow);
    if (cancelled_.load(std::memory_order_relaxed)) return;
    absl::StatusOr<std::unique_ptr<Module>> module = Module::open(job->request);
    if (!module.ok()) {
      job->note = std::string(module.status().message());
      done_.fetch_add(job->locations.size(), std::memory_order_relaxed);
      return;
    }
    // By the file's own build id: text heaps carry none, and open() has said that it is the one that ran.
    job->cache = std::make_unique<SymbolCache>(job->cacheFolder, (*module)->buildId(),
                                               SymbolCache::stampOf((*module)->path()));
    SymbolCache& cache = *job->cache;
    bool attached = false;
    for (std::size_t i = 0; i < job->locations.size(); ++i) {
      if (cancelled_.load(std::memory_order_relaxed)) return;
      const Row row = job->locations[i];
      const absl::StatusOr<std::uint64_t> inFile = (*module)->inFile(
          profile_.locations.address[row], profile_.mappings[profile_.locations.mapping[row]]);
      done_.fetch_add(1, std::memory_order_relaxed);
      if (!inFile.ok()) continue;
      job->cached[i] = cache.rowOf(*inFile);
      if (job->cached[i] != kNoRow) {
        job->hasDwarf = true;  // only such binaries are kept
        continue;
      }
      if (!attached) {
        if (absl::Status status = (*module)->attach(); !status.ok()) {
          job->note = std::string(status.message());
          done_.fetch_add(job->locations.size() - i - 1, std::memory_order_relaxed);
          return;
        }
        attached = true;
        job->hasDwarf = (*module)->hasDwarf();
      }
      job->frames[i] = (*module)->frames(*inFile);
      if (job->hasDwarf) cache.add(*inFile, job->frames[i]);
    }
    if (attached) job->note = (*module)->note();
    cache.save();
  }

  const formats::ProfileColumns& profile_;
  Work& work_;
  std::vector<std::size_t> order_;
  std::atomic<std::size_t> next_{0}, done_{0};
  std::atomic<bool> cancelled_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t finished_ = 0;  // under mutex_
};

void mark(formats::Mapping* mapping, bool hasFile, std::int64_t line, bool hasDwarf) {
  mapping->hasFunctions = true;
  mapping->hasFilenames |= hasFile;
  mapping->hasLineNumbers |= line != 0;
  mapping->hasInlineFrames |= hasDwarf;
}

void take(formats::ProfileColumns* profile, const Job& job, Merger* merger) {
  std::vector<Row> functions;  // of the cache, in the profile
  for (std::size_t i = 0; i < job.locations.size(); ++i) {
    formats::Mapping& mapping = profile->mappings[profile->locations.mapping[job.locations[i]]];
    if (const Row row = job.cached[i]; row != kNoRow) {
      const formats::ProfileColumns& from = job.cache->columns();
      merger->add(job.locations[i], from, row, &functions);
      for (auto k = from.locations.lineBegin[row]; k < from.locations.lineBegin[row + std::size_t{1}]; ++k) {
        const formats::StringIndex file = from.functions.file[from.locations.lineFunction[k]];
        mark(&mapping, !from.strings[file].empty(), from.locations.lineNumber[k], job.hasDwarf);
      }
      continue;
    }
    merger->add(job.locations[i], job.frames[i]);
    for (const Frame& frame : job.frames[i]) mark(&mapping, !frame.file.empty(), frame.line, job.hasDwarf);
  }
}

}  // namespace

absl::Status resolve(formats::ProfileColumns& profile, const ResolveOptions& options,
                     std::vector<std::string>* notes) {
  const formats::LocationColumns& locations = profile.locations;
  bool anyToDo = false;
  for (std::size_t row = 0; row < locations.size() && !anyToDo; ++row) anyToDo = lacksLines(locations, row);
  if (!anyToDo) return absl::OkStatus();

  elf_version(EV_CURRENT);  // libelf's one global, set before there are threads
  Merger merger(&profile, options.names);
  GeneratedCode generated(profile, options);
  Work work = plan(profile, options, &generated, &merger);
  if (notes != nullptr && !generated.note().empty()) notes->push_back(generated.note());
  if (!work.jobs.empty() && !Pool(profile, &work).run(options.progress)) {
    return absl::CancelledError("symbols: cancelled");
  }
  for (const Job& job : work.jobs) {
    take(&profile, job, &merger);
    if (notes != nullptr && !job.note.empty()) notes->push_back(job.note);
  }
  merger.finish();
  return absl::OkStatus();
}

}  // namespace heapprof::symbols

#include "formats/legacy/read_text_heap.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "formats/legacy/heap_rows.h"
#include "formats/legacy/text_lines.h"
#include "formats/pprof/fault.h"

namespace heapprof::formats {
namespace {

using absl::string_view;

constexpr char kJemalloc[] = "heap_v2/";
constexpr char kGperftools[] = "heap profile:";
constexpr double kDefaultInterval = 128 << 10;  // of tcmalloc, where the header names none
constexpr char kDamaged[] = "the profile is damaged: write it again";

// The allocators' own frames, which say nothing of who wanted the memory.
constexpr char kJemallocFrames[] =
    "(je_)?(prof_.*|imalloc.*|iralloc.*|ifree.*|do_rallocx|[mcr]alloc(_default|x|_fastpath.*)?|[rx]allocx|"
    "calloc|realloc|"
    "reallocarray|p?valloc|(posix_)?memalign|aligned_alloc|malloc_default)|.*operator new.*|.*newImpl.*|"
    "handleOOM.*";
constexpr char kGperftoolsFrames[] =
    "tc_.*|(tcmalloc::.*)|.*MallocHook.*|.*(do_)?(malloc|memalign)_(or_cpp_alloc|hook|pages|no_errno).*|"
    "(__libc_)?([mcr]alloc|calloc|realloc|p?valloc|(posix_)?memalign|aligned_alloc)|.*operator new.*|NewHook|"
    "RecordAlloc";

class TextHeapReader {
 public:
  TextHeapReader(MessageWindow& window, const std::string& name, std::uint64_t budget,
                 const std::string& thread, ProfileColumns* out)
      : window_(window), lines_(window), name_(name), thread_(thread), rows_(*out, budget) {}

  absl::Status run() {
    string_view line;
    if (!lines_.next(&line)) return ended();
    const bool jemalloc = absl::StartsWith(line, kJemalloc);
    if (absl::Status status = jemalloc ? jemallocHeader(line) : gperftoolsHeader(line); !status.ok()) {
      return status;
    }
    if (absl::Status status = jemalloc ? jemallocRecords() : gperftoolsRecords(); !status.ok()) return status;
    rows_.finish(sampler_.meanBytes, jemalloc ? kJemallocFrames : kGperftoolsFrames);
    return absl::OkStatus();
  }

 private:
  struct ThreadRow {
    std::string thread;
    HeapRows::Counts counts;
  };

  absl::Status wrong(const std::string& what, const char* todo = kDamaged) const {
    return absl::DataLossError(
        faultLine(name_, lines_.offset(), absl::StrCat("line ", lines_.number(), ": ", what), todo));
  }

  // After the last line: what stopped the reading, if anything did.
  absl::Status ended() const {
    if (!window_.status().ok()) return window_.status();
    if (lines_.tooLong()) {
      return absl::DataLossError(faultLine(
          name_, lines_.offset(),
          absl::StrCat("line ", lines_.number() + 1, " is longer than ", TextLines::kMaxLine, " bytes"),
          kDamaged));
    }
    return absl::OkStatus();
  }

  absl::Status tooMuch() const {
    return absl::ResourceExhaustedError(
        faultLine(name_, lines_.offset(),
                  absl::StrCat("line ", lines_.number(), ": its rows need more memory than allowed"),
                  "a file that grows so much is damaged or hostile"));
  }

  static bool counts(LineCursor& cursor, HeapRows::Counts* out) {
    return cursor.number(&out->liveObjects) && cursor.take(':') && cursor.number(&out->liveBytes) &&
           cursor.take('[') && cursor.number(&out->allocObjects) && cursor.take(':') &&
           cursor.number(&out->allocBytes) && cursor.take(']');
  }

  absl::Status addresses(LineCursor& cursor) {
    stack_.clear();
    std::uint64_t address = 0;
    while (cursor.hex(&address)) stack_.push_back(address);
    return cursor.atEnd() ? absl::OkStatus() : wrong("what follows @ is not a list of addresses");
  }

  HeapRows::Share shareOf(const HeapRows::Counts& counts) const {
    HeapRows::Share share;
    share.live = unbiased(sampler_, counts.liveObjects, counts.liveBytes);
    share.alloc = unbiased(sampler_, counts.allocObjects, counts.allocBytes);
    if (counts.liveObjects != 0) {
      share.objectBytes = counts.liveBytes / counts.liveObjects;
    } else if (counts.allocObjects != 0) {
      share.objectBytes = counts.allocBytes / counts.allocObjects;
    }
    return share;
  }

  void count(const HeapRows::Counts& counts) {
    seenObjects_ += static_cast<double>(counts.liveObjects);
    seenBytes_ += static_cast<double>(counts.liveBytes);
  }

  // Without the map at the end nothing says that the file is whole but its own totals.
  absl::Status finished() const {
    if (absl::Status status = ended(); !status.ok()) return status;
    if (seenObjects_ < static_cast<double>(whole_.liveObjects) ||
        seenBytes_ < static_cast<double>(whole_.liveBytes) || !lines_.endsWithNewline()) {
      return absl::DataLossError(faultLine(
          name_, window_.offset(),
          absl::StrCat("ends after line ", lines_.number(), " with ", static_cast<std::int64_t>(seenBytes_),
                       " of ", whole_.liveBytes, " bytes listed and no MAPPED_LIBRARIES"),
          kCutShort));
    }
    return absl::OkStatus();
  }

  static bool startsMap(string_view line) {
    return absl::StartsWith(line, "MAPPED_LIBRARIES:") || absl::StartsWith(line, "--- Memory map:");
  }

  // Lines of /proc/PID/maps; what is none is passed over, as every reader of these files does.
  absl::Status memoryMap() {
    for (string_view line; lines_.next(&line);) {
      LineCursor cursor(line);
      std::uint64_t start = 0, limit = 0, offset = 0, device = 0;
      if (!cursor.hex(&start) || !cursor.take('-') || !cursor.hex(&limit)) continue;
      string_view rest = cursor.rest();
      const string_view permissions = rest.substr(0, rest.find(' '));
      if (!absl::StrContains(permissions, 'x')) continue;
      rest.remove_prefix(permissions.size());
      LineCursor tail(rest);
      std::int64_t inode = 0;
      if (!tail.hex(&offset) || !tail.hex(&device) || !tail.take(':') || !tail.hex(&device) ||
          !tail.number(&inode)) {
        continue;
      }
      if (!rows_.addMapping(start, limit, offset, tail.rest(), "")) return tooMuch();
    }
    return ended();
  }

  absl::Status jemallocHeader(string_view line) {
    std::int64_t interval = 0;
    LineCursor cursor(line.substr(sizeof kJemalloc - 1));
    if (!cursor.number(&interval) || !cursor.atEnd() || interval <= 0) {
      return wrong("heap_v2/ without the sampling interval");
    }
    sampler_ = {Sampling::kPoisson, static_cast<double>(interval)};
    return absl::OkStatus();
  }

  absl::Status jemallocRecords() {
    bool inRecords = false;
    for (string_view line; lines_.next(&line);) {
      LineCursor cursor(line);
      if (cursor.atEnd()) continue;
      if (startsMap(line)) {
        absl::Status status = endRecord();
        return status.ok() ? memoryMap() : status;
      }
      if (cursor.take('@')) {
        if (absl::Status status = endRecord(); !status.ok()) return status;
        inRecords = true;
        if (absl::Status status = addresses(cursor); !status.ok()) return status;
      } else if (absl::Status status = threadRow(cursor, inRecords); !status.ok()) {
        return status;
      }
    }
    absl::Status status = endRecord();
    return status.ok() ? finished() : status;
  }

  absl::Status threadRow(LineCursor& cursor, bool inRecords) {
    constexpr char kExpected[] = "neither a stack (@ ...) nor a row of counts (t0: 1: 2 [0: 0])";
    ThreadRow row;
    std::int64_t id = 0;
    if (!cursor.take('t')) return wrong(kExpected);
    if (cursor.take('*')) {
      row.thread = "*";
    } else if (cursor.number(&id) && id >= 0) {
      row.thread = absl::StrCat(id);
    } else {
      return wrong(kExpected);
    }
    if (!cursor.take(':') || !counts(cursor, &row.counts)) return wrong(kExpected);
    if (!inRecords) {
      if (row.thread == "*") whole_ = row.counts;
      if (const string_view name = cursor.rest(); !name.empty() && threadNames_.size() < kMaxThreads) {
        threadNames_[row.thread] = std::string(name);
      }
      return absl::OkStatus();
    }
    if (!cursor.atEnd()) return wrong(kExpected);
    if (record_.size() >= kMaxThreads) return wrong("a stack with over a million rows of threads");
    record_.push_back(std::move(row));
    return absl::OkStatus();
  }

  // A stack's rows: the threads share out what the stack as a whole stands for.
  absl::Status endRecord() {
    std::vector<HeapRows::Share> shares;
    HeapRows::Share whole;
    bool hasWhole = false;
    Estimate live, alloc;
    for (const ThreadRow& row : record_) {
      HeapRows::Share share = shareOf(row.counts);
      if (row.thread == "*") {
        count(row.counts);
        whole = share;
        hasWhole = true;
        continue;
      }
      if (!thread_.empty() && row.thread != thread_) continue;
      live = {live.objects + share.live.objects, live.bytes + share.live.bytes};
      alloc = {alloc.objects + share.alloc.objects, alloc.bytes + share.alloc.bytes};
      share.thread = row.thread;
      if (const auto name = threadNames_.find(row.thread); name != threadNames_.end()) {
        share.threadName = name->second;
      }
      shares.push_back(std::move(share));
    }
    record_.clear();
    if (hasWhole && thread_.empty()) {
      if (shares.empty()) shares.push_back(whole);
      for (HeapRows::Share& share : shares) {
        scale(whole.live.objects, live.objects, &share.live.objects);
        scale(whole.live.bytes, live.bytes, &share.live.bytes);
        scale(whole.alloc.objects, alloc.objects, &share.alloc.objects);
        scale(whole.alloc.bytes, alloc.bytes, &share.alloc.bytes);
      }
    }
    for (const HeapRows::Share& share : shares) {
      if (!rows_.add(stack_, share)) return tooMuch();
    }
    return absl::OkStatus();
  }

  static void scale(double whole, double sum, double* part) {
    if (sum != 0) *part *= whole / sum;
  }

  absl::Status gperftoolsHeader(string_view line) {
    LineCursor cursor(line.substr(sizeof kGperftools - 1));
    if (!counts(cursor, &whole_)) return wrong("heap profile: without its totals (1: 2 [3: 4])");
    const bool same = whole_.liveObjects == whole_.allocObjects && whole_.liveBytes == whole_.allocBytes;
    string_view kind = cursor.take('@') ? cursor.rest() : "";
    std::int64_t interval = 0;
    if (const std::size_t slash = kind.rfind('/'); slash != string_view::npos) {
      LineCursor number(kind.substr(slash + 1));
      if (!number.number(&interval) || interval < 0) interval = 0;
      kind = kind.substr(0, slash);
    }
    if (kind.empty() ? !same : kind == "heapprofile" || !absl::StrContains(kind, "heap")) {
      sampler_ = {Sampling::kNone, 1};
    } else if (absl::StrContains(kind, "_v2")) {
      sampler_ = {Sampling::kPoisson, static_cast<double>(interval)};
    } else {
      sampler_ = {Sampling::kUniform, static_cast<double>(interval) / 2};
    }
    if (sampler_.meanBytes == 0) sampler_.meanBytes = kDefaultInterval;
    return absl::OkStatus();
  }

  absl::Status gperftoolsRecords() {
    for (string_view line; lines_.next(&line);) {
      LineCursor cursor(line);
      if (cursor.atEnd()) continue;
      if (startsMap(line)) return memoryMap();
      HeapRows::Counts row;
      if (!counts(cursor, &row) || !cursor.take('@')) {
        return wrong("not a record (1: 2 [3: 4] @ addresses)");
      }
      if (absl::Status status = addresses(cursor); !status.ok()) return status;
      count(row);
      if (!rows_.add(stack_, shareOf(row))) return tooMuch();
    }
    return finished();
  }

  static constexpr std::size_t kMaxThreads = 1 << 20;

  MessageWindow& window_;
  TextLines lines_;
  const std::string& name_;
  const std::string& thread_;
  HeapRows rows_;
  Sampler sampler_;
  HeapRows::Counts whole_;
  double seenObjects_ = 0, seenBytes_ = 0;
  std::vector<std::uint64_t> stack_;
  std::vector<ThreadRow> record_;
  absl::flat_hash_map<std::string, std::string> threadNames_;
};

}  // namespace

bool isTextHeap(string_view head) {
  return absl::StartsWith(head, kJemalloc) || absl::StartsWith(head, kGperftools);
}

absl::Status readTextHeap(MessageWindow& window, const std::string& name, std::uint64_t memoryBudget,
                          const std::string& thread, ProfileColumns* out) {
  return TextHeapReader(window, name, memoryBudget, thread, out).run();
}

}  // namespace heapprof::formats

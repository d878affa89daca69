// TRUTH: leak intern
//
// A metrics exporter interns label values. Its strings are meant to be few (status, method, route), but a
// change put the request id into a label: 1 of 6 lookups brings a value that was never seen. The pool copies
// strings into chunks of 32 KiB and indexes them in an unordered_set; nothing ever leaves it. About 0.7 MB a
// second: chunks (new_chunk, called by intern), set nodes (intern) and, in steps, the set's bucket array
// (intern, rehash). All of that is the leak. The series' points (record_point) live in rings of fixed size,
// allocated at first use of each of 300 series in the first 100 ms; render_page makes a page of text every
// 250 ms and frees it.
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "pace.h"

class Pool {
 public:
  [[gnu::noinline]] std::string_view intern(std::string_view text) {
    auto it = set_.find(text);
    if (it != set_.end()) return *it;
    if (chunks_.empty() || used_ + text.size() > kChunk) new_chunk();
    char* to = chunks_.back().get() + used_;
    std::memcpy(to, text.data(), text.size());
    used_ += text.size();
    return *set_.emplace(to, text.size()).first;
  }
  size_t size() const { return set_.size(); }

 private:
  static constexpr size_t kChunk = 32768;
  [[gnu::noinline]] void new_chunk() {
    chunks_.push_back(std::make_unique<char[]>(kChunk));
    used_ = 0;
  }
  std::unordered_set<std::string_view> set_;
  std::vector<std::unique_ptr<char[]>> chunks_;
  size_t used_ = 0;
};

struct Point {
  double value;
  const char* label;
};

static std::vector<std::vector<Point>> series_(300);

[[gnu::noinline]] static void record_point(size_t which, int tick, std::string_view label) {
  auto& ring = series_[which];
  if (ring.empty()) ring.resize(512);
  ring[size_t(tick) % ring.size()] = {double(tick), label.data()};
}

[[gnu::noinline]] static std::string render_page(const Pool& pool) {
  std::string page;
  for (size_t i = 0; i < series_.size(); ++i)
    page += "http_requests{series=\"" + std::to_string(i) + "\"} 1\n";
  return page + "labels " + std::to_string(pool.size());
}

int main() {
  std::mt19937_64 random(31337);
  Pool pool;
  Ticker ticker(160, 200, 8);
  size_t bytes = 0;
  char text[96];
  while (ticker.run()) {
    for (int i = 0; i < 240; ++i) {
      if (random() % 6 == 0)
        std::snprintf(text, sizeof text, "request_id=%016lx-%016lx", (unsigned long)random(),
                      (unsigned long)random());
      else
        std::snprintf(text, sizeof text, "route=/api/v1/items/%lu", (unsigned long)(random() % 400));
      record_point(random() % series_.size(), ticker.tick(), pool.intern(std::string(text)));
    }
    if (ticker.tick() % 50 == 0) bytes += render_page(pool).size();
  }
  return bytes == 0;
}

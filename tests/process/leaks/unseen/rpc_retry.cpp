// TRUTH: leak make_call run_call
//
// An RPC client with two worker threads. A call that times out (1 in 40) installs a retry handler that
// captures the call's own shared_ptr: a cycle, so call, request body and handler are never freed. About 1.0
// MB a second, nearly all of it bodies (make_call); the handlers (run_call) are 13 kB a second. Beside it
// there is a session table (open_session) whose sessions end after 2.5 s, so each is there in three or four
// dumps in a row; some 6 MB, filled before the first dump (3 s), not a leak.
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "pace.h"

struct Call {
  std::string method;
  std::vector<char> body;
  std::function<void(int)> on_timeout;
  int attempts = 0;
};

[[gnu::noinline]] static std::shared_ptr<Call> make_call(std::mt19937& random) {
  auto call = std::make_shared<Call>();
  call->method = "inventory.v2.Reservation/Confirm";
  call->body.resize(4096 + random() % 8192);
  return call;
}

[[gnu::noinline]] static void run_call(const std::shared_ptr<Call>& call, bool times_out) {
  call->attempts = 1;
  if (times_out) {
    call->on_timeout = [call, jitter = std::string(48, 'j')](int delay) { call->attempts += delay > 0; };
    call->on_timeout(int(call->body.size()));
  }
}

struct Session {
  int ends;
  std::vector<char> state;
};

class Sessions {
 public:
  void tick(int now, std::mt19937& random) {
    std::lock_guard lock(mutex_);
    for (int i = 0; i < 4; ++i) open_session(now, random);
    while (!table_.empty() && table_.begin()->second->ends <= now) table_.erase(table_.begin());
  }

 private:
  [[gnu::noinline]] void open_session(int now, std::mt19937& random) {
    auto session = std::make_unique<Session>();
    session->ends = now + 500;  // 2.5 s
    session->state.resize(1024 + random() % 4096);
    table_[next_id_++] = std::move(session);
  }
  std::mutex mutex_;
  std::map<long, std::unique_ptr<Session>> table_;
  long next_id_ = 0;
};

static void worker(unsigned seed, int ticks) {
  std::mt19937 random(seed);
  Ticker ticker(ticks + 1, 1, 1);
  for (int t = 0; t < ticks; ++t) {
    ticker.run();
    for (int i = 0; i < 12; ++i) {
      std::vector<std::shared_ptr<Call>> batch;
      for (int k = 0; k < 2; ++k) batch.push_back(make_call(random));
      run_call(batch[0], random() % 40 == 0);
      run_call(batch[1], false);
    }
  }
}

int main() {
  std::thread a(worker, 11, 1760), b(worker, 12, 1760);
  Sessions sessions;
  std::mt19937 random(13);
  Ticker ticker(600, 160, 8);
  while (ticker.run()) sessions.tick(ticker.tick(), random);
  a.join();
  b.join();
}

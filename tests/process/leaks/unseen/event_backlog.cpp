// TRUTH: none
//
// An ingest service: a producer thread decodes events into a queue, a consumer thread stores them. From 2.3 s
// to 4.3 s the database is slow and the consumer takes a third of what comes in; then it works at 1.7 times
// the rate until the backlog is gone, at about 6.3 s, and keeps up as before. Backlog at most some 12 MB
// (decode_event). No leak. The queue also holds half a second's worth of events (3 MB or so) at all times:
// the consumer waits for an event's window.
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "pace.h"

struct Event {
  int tick;
  std::string key;
  std::vector<double> values;
};

static std::mutex mutex_;
static std::deque<std::unique_ptr<Event>> queue_;

[[gnu::noinline]] static std::unique_ptr<Event> decode_event(int tick, std::mt19937& random) {
  auto event = std::make_unique<Event>();
  event->tick = tick;
  event->key = "sensor/plant-7/line-" + std::to_string(random() % 5000) + "/temperature";
  event->values.resize(16 + random() % 160);
  return event;
}

[[gnu::noinline]] static double store(const Event& event) {
  std::string row = event.key;
  double sum = 0;
  for (double v : event.values) {
    sum += v;
    if (row.size() < 700) row += ",0.0";
  }
  return sum + double(row.size());
}

static double stored_ = 0;

static void consume(int ticks) {
  Ticker ticker(ticks + 1, 1, 1);
  for (int t = 1; t <= ticks; ++t) {
    ticker.run();
    int budget = t < 460 ? 1000 : t < 860 ? 14 : 68;
    while (budget-- > 0) {
      std::unique_ptr<Event> event;
      {
        std::lock_guard lock(mutex_);
        if (queue_.empty() || queue_.front()->tick > t - 100) break;
        event = std::move(queue_.front());
        queue_.pop_front();
      }
      stored_ += store(*event);
    }
  }
}

int main() {
  std::thread consumer(consume, 1600);
  std::mt19937 random(9);
  Ticker ticker(200, 200, 8);
  while (ticker.run()) {
    for (int i = 0; i < 40; ++i) {
      auto event = decode_event(ticker.tick(), random);
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(event));
    }
  }
  consumer.join();
  return stored_ == 0;
}

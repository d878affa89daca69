// Threads: messages are made in one thread and freed in another, which is fine; records are made in a third
// and kept.
//
// Expected finding: makeMessage allocated 100 MiB and more and holds next to nothing, though another thread
// freed it all; keepRecord, called by importer, holds about 16 MiB, nearly all that is held. Run: heapprof
// run --sample 64k -- ./threads; heapprof top -cum heapprof.threads.*.pb.gz
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace {

using Message = std::vector<char>;

std::mutex mutex;
std::condition_variable changed;
std::deque<std::unique_ptr<Message>> queue;
// Never destroyed: the dump at exit comes after static destructors.
auto& records = *new std::vector<std::unique_ptr<Message>>;

constexpr int kMessages = 200000;
constexpr std::size_t kInFlight = 1000;

[[gnu::noinline]] std::unique_ptr<Message> makeMessage(int number) {
  return std::make_unique<Message>(500 + static_cast<std::size_t>(number % 100));
}

void producer() {
  for (int i = 0; i < kMessages; ++i) {
    std::unique_ptr<Message> message = makeMessage(i);
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [] { return queue.size() < kInFlight; });
    queue.push_back(std::move(message));
    changed.notify_all();
  }
}

// Frees what the producer made.
void consumer() {
  for (int i = 0; i < kMessages; ++i) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [] { return !queue.empty(); });
    const std::unique_ptr<Message> message = std::move(queue.front());
    queue.pop_front();
    changed.notify_all();
  }
}

[[gnu::noinline]] void keepRecord(int number) {
  records.push_back(std::make_unique<Message>(2000 + static_cast<std::size_t>(number % 10)));
}

void importer() {
  for (int i = 0; i < 8000; ++i) keepRecord(i);
}

}  // namespace

int main() {
  std::thread threads[] = {std::thread(producer), std::thread(consumer), std::thread(importer)};
  for (std::thread& thread : threads) thread.join();
  std::printf("%zu messages wait, %zu records stay\n", queue.size(), records.size());
  return 0;
}

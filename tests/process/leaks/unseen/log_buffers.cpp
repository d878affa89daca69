// TRUTH: none
//
// 96 connections, each with a line buffer (std::string) and a batch of records (std::vector) that grow by
// doubling and are cleared after each message, never shrunk. Message sizes have a heavy tail (Pareto) cut at
// 96 KiB, so buffers ratchet up: fast at first, ever slower, to at most 96 x (128 + 48) KiB or so. Retained
// capacity, bounded: no leak. One connection in 300 ticks closes and is replaced by a new one with empty
// buffers.
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "pace.h"

struct Record {
  uint32_t level, length;
  uint64_t stamp;
};

struct Connection {
  std::string line;
  std::vector<Record> batch;
};

[[gnu::noinline]] static void append_message(Connection& connection, size_t size, uint64_t now) {
  size_t left = size;
  while (left > 0) {
    size_t piece = left < 48 ? left : 48;
    connection.line.append(piece, 'l');
    connection.batch.push_back({unsigned(piece % 5), unsigned(piece), now});
    left -= piece;
  }
}

[[gnu::noinline]] static size_t flush(Connection& connection) {
  size_t sum = connection.line.size() + connection.batch.size();
  connection.line.clear();
  connection.batch.clear();
  return sum;
}

[[gnu::noinline]] static std::string format_status(size_t total) {
  return "flushed " + std::to_string(total) + " bytes in this tick, all connections are healthy";
}

int main() {
  std::mt19937 random(4242);
  std::uniform_real_distribution<double> uniform(1e-9, 1.0);
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < 96; ++i) connections.push_back(std::make_unique<Connection>());
  Ticker ticker(180, 180, 8);
  size_t total = 0;
  while (ticker.run()) {
    if (ticker.tick() % 300 == 0) connections[random() % connections.size()] = std::make_unique<Connection>();
    for (int i = 0; i < 250; ++i) {
      Connection& connection = *connections[random() % connections.size()];
      double size = 220.0 / std::pow(uniform(random), 1.0 / 1.15);
      append_message(connection, size > 98304 ? 98304 : size_t(size), uint64_t(ticker.tick()));
      total += flush(connection);
    }
    total += format_status(total).size();
  }
  return total == 0;
}

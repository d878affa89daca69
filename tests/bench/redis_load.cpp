// One client of redis over a Unix socket, one request at a time, each timed: SET of values from 16 bytes to
// 16 KiB, a GET in four, and in the low half of each period DEL of nine keys in ten, so that redis' heap
// rises and falls.
//
//   redis_load SOCKET [seconds] [keys] [period ms]      (10 50000 4000)
//
// Latencies are those that the client sees, in nanoseconds.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/latency.h"

namespace {

constexpr std::size_t kLargest = std::size_t{16} << 10;
char request[kLargest + 256];
char answer[kLargest + 256];
int server = -1;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "redis_load: %s\n", what);
  std::exit(2);
}

void send(std::size_t length) {
  for (std::size_t done = 0; done < length;) {
    const ssize_t some = write(server, request + done, length - done);
    if (some <= 0) fail("the server took no request");
    done += static_cast<std::size_t>(some);
  }
}

// One whole reply: a line, or "$LENGTH", so many bytes and an end of line.
void receive() {
  std::size_t have = 0, wanted = 0;
  while (wanted == 0 || have < wanted) {
    const ssize_t some = read(server, answer + have, sizeof answer - 1 - have);
    if (some <= 0) fail("the server closed the connection");
    have += static_cast<std::size_t>(some);
    answer[have] = 0;
    if (wanted != 0) continue;
    const char* const end = std::strstr(answer, "\r\n");
    if (end == nullptr) continue;
    wanted = static_cast<std::size_t>(end - answer) + 2;
    if (answer[0] == '-') fail(answer);
    if (answer[0] == '$' && answer[1] != '-') wanted += std::strtoul(answer + 1, nullptr, 10) + 2;
  }
}

std::uint64_t timed(std::size_t length) {
  const std::uint64_t before = bench::ticks();
  send(length);
  receive();
  return bench::ticks() - before;
}

std::size_t get(const char* verb, std::size_t key) {
  return static_cast<std::size_t>(
      std::snprintf(request, sizeof request, "*2\r\n$3\r\n%s\r\n$12\r\nkey%09zu\r\n", verb, key));
}

std::size_t set(std::size_t key, std::size_t size) {
  auto length = static_cast<std::size_t>(
      std::snprintf(request, sizeof request, "*3\r\n$3\r\nSET\r\n$12\r\nkey%09zu\r\n$%zu\r\n", key, size));
  std::memset(request + length, 'v', size);
  length += size;
  std::memcpy(request + length, "\r\n", 2);
  return length + 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) fail("usage: redis_load SOCKET [seconds] [keys] [period ms]");
  const auto seconds = static_cast<double>(bench::argument(argc, argv, 2, 10));
  const auto keys = static_cast<std::size_t>(bench::argument(argc, argv, 3, 50000));
  const double period = static_cast<double>(bench::argument(argc, argv, 4, 4000)) * 1e-3;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
  server = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    fail("nobody listens at that socket");

  auto* all = bench::mapped<bench::Histogram>(1);
  bench::Random random(3);
  const bench::TickLength tickLength;
  const double start = bench::now();
  for (double at = 0; at < seconds; at = bench::now() - start) {
    const double phase = at / period - static_cast<double>(static_cast<long>(at / period));
    const std::size_t emptyOfTen = phase < 0.5 ? 0 : 9;
    for (int i = 0; i < 64; ++i) {
      const std::size_t key = random.below(keys);
      if (random.below(4) == 0) {
        all->add(timed(get("GET", key)));
      } else if (key % 10 < emptyOfTen) {
        all->add(timed(get("DEL", key)));
      } else {
        const std::size_t octave = std::size_t{16} << random.below(10);
        all->add(timed(set(key, octave + random.below(octave))));
      }
    }
  }
  std::printf("family=redis wall=%.3f", bench::now() - start);
  all->print("request", tickLength.nanoseconds());
  std::printf("\n");
}

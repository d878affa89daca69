#include "runtime/entry/control_clients.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <time.h>
#include <unistd.h>

#include "runtime/entry/control_verbs.h"
#include "runtime/introspect/text.h"
#include "runtime/os/os.h"
#include "runtime/os/sockets.h"

namespace heapprof::entry {
namespace {

constexpr std::uint64_t kSecond = 1000000000;
constexpr std::uint64_t kPatienceNanos = kSecond;
// No descriptor to be had: the listener stays readable, and must not be asked without a pause.
constexpr std::uint64_t kPauseNanos = kSecond / 5;

struct Client {
  int socket;  // negative: a free place
  int passed;  // negative: none
  std::uint64_t deadline;
  std::size_t used;
  char line[kMostRequestBytes];
};
constinit Client clients[kMostClients] = {};  // all zero until serveClients(): no page of it in the file

void drop(Client& client) noexcept {
  if (client.passed >= 0) os::calls().close(client.passed);
  os::calls().close(client.socket);
  client.socket = client.passed = -1;
}

void answerAndDrop(Client& client, introspect::Text& answer) noexcept {
  answer.character('\n');
  os::sendNow(client.socket, answer.c_str(), answer.length());
  drop(client);
}

void refuse(Client& client, const char* why) noexcept {
  char buffer[256];
  introspect::Text answer(buffer, sizeof buffer);
  answer.add("error ").add(why);
  answerAndDrop(client, answer);
}

void serve(Client& client) noexcept {
  static constinit char buffer[kMostAnswerBytes];
  introspect::Text answer(buffer, sizeof buffer - 1);
  serveRequest(client.line, client.passed, &answer);
  answerAndDrop(client, answer);
}

void readMore(Client& client) noexcept {
  const long got =
      os::receive(client.socket, client.line + client.used, sizeof client.line - client.used, &client.passed);
  if (got == os::kWouldBlock) return;
  if (got <= 0) {
    drop(client);
    return;
  }
  client.used += static_cast<std::size_t>(got);
  auto* end = static_cast<char*>(std::memchr(client.line, '\n', client.used));
  if (end != nullptr) {
    *end = '\0';
    serve(client);
  } else if (client.used == sizeof client.line) {
    refuse(client, "the line is too long");
  }
}

// A free place, else the one that has waited longest.
Client& placeForOne() noexcept {
  Client* oldest = &clients[0];
  for (Client& client : clients) {
    if (client.socket < 0) return client;
    if (client.deadline < oldest->deadline) oldest = &client;
  }
  drop(*oldest);
  return *oldest;
}

// Credentials of the moment: a server may have given up root since it started.
bool mayAsk(int socket) noexcept {
  const os::Peer peer = os::peerOf(socket);
  return peer.known && (peer.user == 0 || peer.user == geteuid());
}

// False: the socket is of no more use.
bool takeNew(int listener, std::uint64_t now) noexcept {
  const int socket = os::calls().acceptUnix(listener);
  if (socket < 0) {
    if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK) return false;
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      const timespec pause{0, static_cast<long>(kPauseNanos)};
      nanosleep(&pause, nullptr);
    }
    return true;
  }
  Client& client = placeForOne();
  client.socket = socket;
  client.used = 0;
  client.deadline = now + kPatienceNanos;
  if (!mayAsk(socket)) refuse(client, "only the user who runs this process, and root, may ask");
  return true;
}

// Drops who took too long; the time until the next one has; 0: nobody is connected.
std::uint64_t untilNextDeadline(std::uint64_t now) noexcept {
  std::uint64_t next = 0;
  for (Client& client : clients) {
    if (client.socket < 0) continue;
    if (client.deadline <= now) {
      drop(client);
    } else if (next == 0 || client.deadline - now < next) {
      next = client.deadline - now;
    }
  }
  return next;
}

}  // namespace

void serveClients(int listener) noexcept {
  for (Client& client : clients) client.socket = client.passed = -1;  // a forked child's are the parent's
  for (bool usable = true; usable;) {
    const std::uint64_t pause = untilNextDeadline(os::calls().monotonicNanos());
    os::Watched watched[1 + kMostClients];
    Client* of[1 + kMostClients] = {};
    std::size_t count = 0;
    watched[count++] = {listener, false};
    for (Client& client : clients) {
      if (client.socket < 0) continue;
      of[count] = &client;
      watched[count++] = {client.socket, false};
    }
    if (!os::waitReadable(watched, count, pause)) continue;
    for (std::size_t i = 1; i < count; ++i) {
      if (watched[i].readable) readMore(*of[i]);
    }
    if (watched[0].readable) usable = takeNew(listener, os::calls().monotonicNanos());
  }
  os::calls().close(listener);
}

}  // namespace heapprof::entry

// Local stream sockets, for the control socket: what the table of os.h does not hold, because no caller can
// be failed by it. Raw system calls: a program may have functions of its own called poll, send or accept.
//
// Invariant: nothing waits but waitReadable(). Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapprof::os {

struct Watched {
  int descriptor;
  bool readable;  // or ended
};
// At most `nanos`; 0: for ever. False: nothing came.
bool waitReadable(Watched* watched, std::size_t count, std::uint64_t nanos) noexcept;

inline constexpr long kWouldBlock = -1;
inline constexpr long kBroken = -2;
// Bytes received; 0: the other end has closed; kWouldBlock; kBroken. A descriptor that came along is put in
// `*passed` where that is negative, and closed where it is not.
long receive(int socket, char* buffer, std::size_t capacity, int* passed) noexcept;
// Never raises SIGPIPE. False: not all of it fitted.
bool sendNow(int socket, const char* data, std::size_t size) noexcept;

struct Peer {
  bool known = false;
  std::uint32_t user = 0;
};
Peer peerOf(int socket) noexcept;

// The kernel's own for the table in os.h.
bool takeEmptyDescriptorTable() noexcept;
int listenUnix(const char* path, std::uint32_t mode) noexcept;
int connectUnix(const char* path) noexcept;
int acceptUnix(int socket) noexcept;

}  // namespace heapprof::os

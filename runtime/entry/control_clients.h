// Who is connected to the control socket, and how long each may take.
//
// Invariant: at most kMostClients at a time, each with a second to send its one line; the oldest makes room
// for a new one. Nothing here waits for a client: lines are gathered as they come, an answer is sent if it
// fits the socket's buffer, and then the connection is closed. With nobody connected there is no time-out to
// wake up for. The control thread alone.
#pragma once

namespace heapprof::entry {

inline constexpr unsigned kMostClients = 16;

// For good; returns when the socket is broken.
void serveClients(int listener) noexcept;

}  // namespace heapprof::entry

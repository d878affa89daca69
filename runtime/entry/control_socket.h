// Where the control socket is, and that what is removed is ours.
//
// Invariant: the name is $XDG_RUNTIME_DIR (where that is a folder of ours, else /tmp) +
// heapprof.UID.PID.sock, mode 0600. A name that is taken is used again only where it is a socket of our user
// at which nobody listens; anything else there, links included, is neither followed nor removed: then .2.sock
// to .9.sock are tried. At the end the file is removed if device and inode are those of the socket that was
// made. One socket a process.
#pragma once

#include "runtime/config/options.h"

namespace heapprof::entry {

// From the constructor: the environment may change later. False: no path that would fit.
bool chooseControlPlace(const config::Control& wanted) noexcept;
// A descriptor of the calling thread's table; -1 with errno.
int openControlSocket() noexcept;
const char* controlSocketPath() noexcept;  // "" where there is none
// At the end, for good; also in a signal handler that ends the process.
void removeControlSocket() noexcept;
// In a forked child: the file is the parent's.
void forgetControlSocket() noexcept;

}  // namespace heapprof::entry

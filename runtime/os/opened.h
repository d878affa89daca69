// Files that a thread of ours holds open for a moment, in the program's own descriptor table.
//
// A program that closes every descriptor and opens its own on the same numbers takes them from under us: then
// the number is the program's, and neither read nor closed. A window of a system call is left, where the file
// was open for as long as it takes to read it.
//
// Invariant: an entry is of this thread's last openRead() of that number. What finds no room is not looked
// at. Threads: each has its own.
#pragma once

namespace heapprof::os {

void noteOpened(int fd) noexcept;
// False: known to be another's by now. `closing`: it is forgotten.
bool isStillOurs(int fd, bool closing) noexcept;

}  // namespace heapprof::os

/* Runs step(0), step(1), ... on a clock: six phases of 30 steps in 150 ms each, and a dump after each phase.
 *
 * Steps that come late are made up for at once, so a busy machine moves no phase's end by more than it
 * sleeps. */
#pragma once

#include <heapprof/heapprof.h>
#include <time.h>

enum { kPhases = 6, kSteps = 30 };

#ifdef __cplusplus
extern "C"
#endif
    int
    heapprof_dump(const char* path) __attribute__((weak));

static inline int paced(void (*step)(int number)) {
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (int number = 0; number < kPhases * kSteps; ++number) {
    step(number);
    next.tv_nsec += 5000000;
    if (next.tv_nsec >= 1000000000) {
      next.tv_nsec -= 1000000000;
      ++next.tv_sec;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, 0);
    if ((number + 1) % kSteps == 0 && heapprof_dump) heapprof_dump(0);
  }
  return 0;
}

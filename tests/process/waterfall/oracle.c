/* A program that knows its bytes: usage: waterfall_oracle PATTERN FOLDER. Dumps to FOLDER/before.pb.gz, makes
 * the pattern, dumps to FOLDER/after.pb.gz while it holds it, and prints by how much each line of the
 * waterfall must have grown, one "NAME BYTES" a line. Its own books are touched before the first dump, so
 * that they do not move. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "heapprof/heapprof.h"

#pragma weak heapprof_dump

enum { kMost = 200000 };
static void* objects[kMost];

static void expect(const char* line, long long bytes) {
  printf("%s %lld\n", line, bytes);
}

static void make(int count, size_t bytes, size_t touched) {
  for (int i = 0; i < count; ++i) {
    objects[i] = malloc(bytes);
    if (objects[i] == NULL) exit(3);
    memset(objects[i], 7, touched);
  }
}

static long long allocated(int from, int to) {
  long long sum = 0;
  for (int i = from; i < to; ++i) sum += objects[i] == NULL ? 0 : (long long)malloc_usable_size(objects[i]);
  return sum;
}

static void touched(void) {
  make(100000, 100, 100);
  expect("live", allocated(0, 100000));
  expect("live_objects", 100000);
  expect("requested", 100000 * 100);
  expect("internal_slack", allocated(0, 100000) - 100000 * 100);
  expect("untouched", 0);
}

static void untouchedLarge(void) {
  make(64, 1 << 20, 0);
  expect("live", 0);
  expect("live_objects", 64);
  expect("untouched", 64LL << 20);
  expect("requested", 0);
}

static void halfTouchedLarge(void) {
  make(16, 4 << 20, 2 << 20);
  expect("live", 32LL << 20);
  expect("untouched", 32LL << 20);
  expect("requested", 32LL << 20);
  expect("internal_slack", 0);
}

/* 100 bytes into a new page: the rest of that page is slack, the rest of the span was never touched. */
static void oddLarge(void) {
  const size_t bytes = (1 << 20) + 100;
  make(32, bytes, bytes);
  expect("live", 32LL * ((1 << 20) + 4096));
  expect("requested", 32LL * (long long)bytes);
  expect("internal_slack", 32LL * (4096 - 100));
}

static void halfTouchedMedium(void) {
  make(400, 65536, 16384);
  expect("live", 400LL * 16384);
  expect("untouched", allocated(0, 400) - 400LL * 16384);
  expect("requested", 400LL * 16384);
  expect("live_objects", 400);
}

static void freed(void) {
  make(50000, 1000, 1000);
  for (int i = 0; i < 50000; ++i) free(objects[i]);
  expect("live", 0);
  expect("live_objects", 0);
  expect("requested", 0);
}

/* Bytes of [start, start + bytes) that the kernel holds, by another way than the dump's. */
static long long residentBytes(char* start, size_t bytes) {
  enum { kPage = 4096, kPages = 1 << 11 };
  unsigned char pages[kPages];
  char* from = start - (uintptr_t)start % kPage;
  const size_t count = ((uintptr_t)(start - from) + bytes + kPage - 1) / kPage;
  if (count > kPages || mincore(from, count * kPage, pages) != 0) exit(3);
  long long resident = 0;
  for (size_t i = 0; i < count; ++i) resident += pages[i] & 1 ? kPage : 0;
  return resident;
}

/* Free pages that were not given back are dirty; what was given back is in no line of RSS. */
static void freedLarge(void) {
  const size_t bytes = 4 << 20;
  make(16, bytes, bytes);
  for (int i = 0; i < 16; ++i) free(objects[i]);
  long long kept = 0;
  for (int i = 0; i < 16; ++i) kept += residentBytes(objects[i], bytes);
  expect("dirty", kept);
  expect("dirty_and_purged", 16LL * (long long)bytes);
  expect("live", 0);
  expect("requested", 0);
}

static void everyOtherFreed(void) {
  make(100000, 256, 256);
  for (int i = 0; i < 100000; i += 2) {
    free(objects[i]);
    objects[i] = NULL;
  }
  expect("live", allocated(0, 100000));
  expect("live_objects", 50000);
  expect("free_slots_and_caches", 50000LL * 256);
  expect("requested", 50000LL * 256);
  expect("internal_slack", 0);
}

enum { kMappingBytes = 16 << 20 };

static char* touchedMapping(void) {
  char* map = mmap(NULL, kMappingBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) exit(3);
  memset(map, 1, kMappingBytes);
  return map;
}

static void mapping(void) {
  touchedMapping();
  expect("other_mappings", kMappingBytes);
  expect("live", 0);
}

static pthread_barrier_t barrier;

static void* freeAll(void* unused) {
  for (int i = 0; i < 20000; ++i) free(objects[i]);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return unused;
}

/* The freeing thread lives on, asleep, with its cache of remote frees. */
static void freedElsewhere(void) {
  make(20000, 100, 100);
  pthread_t thread;
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_create(&thread, NULL, freeAll, NULL);
  pthread_barrier_wait(&barrier);
  expect("live", 0);
  expect("requested", 0);
}

static void* useAndSleep(void* unused) {
  void* own[500];
  for (int i = 0; i < 500; ++i) memset(own[i] = malloc(200), 1, 200);
  for (int i = 0; i < 500; ++i) free(own[i]);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return unused;
}

static void sleepers(void) {
  pthread_barrier_init(&barrier, NULL, 9);
  for (int i = 0; i < 8; ++i) {
    pthread_t thread;
    pthread_create(&thread, NULL, useAndSleep, NULL);
  }
  pthread_barrier_wait(&barrier);
  expect("live", 0);
  expect("requested", 0);
}

static const struct {
  const char* name;
  void (*make)(void);
} kPatterns[] = {{"touched", touched},
                 {"untouched_large", untouchedLarge},
                 {"half_touched_large", halfTouchedLarge},
                 {"odd_large", oddLarge},
                 {"half_touched_medium", halfTouchedMedium},
                 {"freed", freed},
                 {"freed_large", freedLarge},
                 {"every_other_freed", everyOtherFreed},
                 {"mapping", mapping},
                 {"freed_elsewhere", freedElsewhere},
                 {"sleepers", sleepers}};

static void dump(const char* folder, const char* name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.pb.gz", folder, name);
  const int error = heapprof_dump(path);
  if (error != 0) {
    fprintf(stderr, "%s: %s\n", path, strerror(error));
    exit(4);
  }
}

int main(int argc, char** argv) {
  if (argc != 3 || heapprof_dump == NULL) {
    fprintf(stderr, "usage: waterfall_oracle PATTERN FOLDER, with libheapprof.so preloaded\n");
    return 2;
  }
  memset(objects, 0, sizeof objects);
  /* The code that this runs is resident from here on: the kernel maps 64 KiB of a file around a fault. */
  munmap(touchedMapping(), kMappingBytes);
  expect("pattern", 0); /* stdout has its buffer from here on */
  dump(argv[2], "warm-up");
  for (size_t i = 0; i < sizeof kPatterns / sizeof kPatterns[0]; ++i) {
    if (strcmp(argv[1], kPatterns[i].name) == 0) {
      dump(argv[2], "before");
      kPatterns[i].make();
      dump(argv[2], "after");
      fflush(stdout);
      _Exit(0);
    }
  }
  fprintf(stderr, "no pattern %s\n", argv[1]);
  return 2;
}

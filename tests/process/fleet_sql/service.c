// A service in two builds: sessions leak (faster where LEAK is larger), pages come and go and leave holes
// that a few long-lived ones pin. Dumps three times: FOLDER/HOST.1.pb.gz to .3.pb.gz.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef LEAK
#define LEAK 500
#endif
enum { kPages = 10000 };

static void* sessions[3 * LEAK];
static void* pages[kPages];

static __attribute__((noinline)) void* open_session(int number) {
  return sessions[number] = memset(malloc(2000), number, 2000);
}
static __attribute__((noinline)) void* cache_page(int number) {
  return pages[number] = memset(malloc(900), number, 900);
}

int main(int count, char** arguments) {
  int (*dump)(const char*) = (int (*)(const char*))dlsym(RTLD_DEFAULT, "heapprof_dump");
  int (*purge)(unsigned long*) = (int (*)(unsigned long*))dlsym(RTLD_DEFAULT, "heapprof_purge");
  if (count < 3 || dump == NULL || purge == NULL) return 2;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < LEAK; ++i) open_session(round * LEAK + i);
    for (int i = 0; i < kPages; ++i) cache_page(i);
    for (int i = 0; i < kPages; ++i) {
      if (i % 40 != 0) free(pages[i]);
    }
    purge(NULL);
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%d.pb.gz", arguments[1], arguments[2], round + 1);
    if (dump(path) != 0) return 1;
  }
  return 0;
}

/* A daemon's manners: closes every descriptor, opens its own on the same numbers, and allocates while
 * sampled. If anyone reads, writes or closes what is not theirs, a byte is missing or an inode differs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { kPipes = 40 };
static void* volatile sink;

static void allocate(int depth) {
  if (depth > 0) {
    allocate(depth - 1);
    sink = malloc((size_t)depth * 7 + 1);
    free(sink);
    return;
  }
  for (int i = 0; i < 2000; ++i) {
    void* block = malloc(1000);
    sink = block;
    if (i % 3 != 0) free(block);
  }
}

int main(void) {
  allocate(10); /* the unwinder has been used */
  for (int fd = 3; fd < 1024; ++fd) close(fd);
  int ends[kPipes][2];
  ino_t inode[kPipes][2];
  for (int i = 0; i < kPipes; ++i) {
    if (pipe2(ends[i], O_NONBLOCK) != 0) return 2;
    for (int side = 0; side < 2; ++side) {
      struct stat s;
      fstat(ends[i][side], &s);
      inode[i][side] = s.st_ino;
    }
    if (write(ends[i][1], "0123456789", 10) != 10) return 2;
  }
  for (int round = 0; round < 200; ++round) {
    /* a newly mapped library makes the unwinder look again */
    void* library = dlopen("libm.so.6", RTLD_NOW);
    allocate(20);
    if (library != NULL) dlclose(library);
  }
  for (int i = 0; i < kPipes; ++i) {
    for (int side = 0; side < 2; ++side) {
      struct stat s;
      if (fstat(ends[i][side], &s) != 0 || s.st_ino != inode[i][side]) {
        printf("descriptor %d is no longer ours\n", ends[i][side]);
        return 1;
      }
    }
    char text[16] = {0};
    if (read(ends[i][0], text, sizeof text) != 10 || strcmp(text, "0123456789") != 0) {
      printf("pipe %d lost bytes\n", i);
      return 1;
    }
  }
  puts("every descriptor is ours");
  return 0;
}

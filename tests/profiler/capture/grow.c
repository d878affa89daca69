/* grow MIB [free] [huge] [rest MS] [thread]: touches so much memory, perhaps gives it back, perhaps rests,
   and ends, perhaps by another thread than the first. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void* end(void* nothing) {
  exit(nothing != NULL);
}

int main(int argc, char** argv) {
  const size_t huge_page = (size_t)2 << 20;
  size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 0) << 20;
  char* memory = mmap(NULL, bytes + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  for (int i = 2; i < argc; ++i) {
    if (strcmp(argv[i], "huge") == 0) madvise(memory, bytes + huge_page, MADV_HUGEPAGE);
  }
  for (size_t at = 0; at < bytes; at += 4096) *(volatile char*)(memory + at) = 1;
  for (int i = 2; i < argc; ++i) {
    if (strcmp(argv[i], "free") == 0) munmap(memory, bytes + huge_page);
    if (strcmp(argv[i], "rest") == 0 && i + 1 < argc) {
      usleep((useconds_t)strtoul(argv[i + 1], NULL, 10) * 1000);
    }
    if (strcmp(argv[i], "thread") == 0) {
      pthread_t thread;
      pthread_create(&thread, NULL, end, NULL);
      pthread_join(thread, NULL);
    }
  }
  return 0;
}

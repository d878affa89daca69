/* Linked against jemalloc for its mallctl, as redis is on Debian. With libheapprof preloaded malloc is ours
 * and mallctl still answers for an allocator that holds nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int mallctl(const char* name, void* oldp, size_t* oldlenp, void* newp, size_t newlen);
size_t malloc_usable_size(void* pointer);

int main(void) {
  size_t allocated = 0, size = sizeof allocated;
  char* block = malloc(1 << 20);
  memset(block, 1, 1 << 20);
  unsigned long epoch = 1;
  size_t epochSize = sizeof epoch;
  if (mallctl("epoch", &epoch, &epochSize, &epoch, sizeof epoch) != 0) return 1;
  if (mallctl("stats.allocated", &allocated, &size, NULL, 0) != 0) return 1;
  printf("usable %d, jemalloc's own allocated %s\n", malloc_usable_size(block) >= (1 << 20),
         allocated < (1 << 20) ? "below 1 MiB" : "1 MiB or more");
  block = realloc(block, 3 << 20);
  for (int i = 0; i < 1 << 20; ++i) {
    if (block[i] != 1) return 2;
  }
  free(block);
  return 0;
}

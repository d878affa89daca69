/* A program of somebody else: links the installed library, keeps something, writes a dump of it to argv[1].
 */
#include <heapprof/heapprof.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void* kept[1000];

__attribute__((noinline)) static void keepThings(void) {
  for (int i = 0; i < 1000; ++i) {
    kept[i] = malloc(1000);
    if (kept[i] != NULL) memset(kept[i], i, 1000);
  }
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (heapprof_start(1) != 0) return 3;
  keepThings();
  const int error = heapprof_dump(argv[1]);
  if (error != 0) fprintf(stderr, "heapprof_dump: %s\n", strerror(error));
  return error == 0 ? 0 : 4;
}

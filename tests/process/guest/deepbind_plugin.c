// Opened with RTLD_DEEPBIND: what the program allocated is freed here, and the other way round.
#include <stdlib.h>
#include <string.h>

void take(char* block) {
  free(block);
}
char* copy(const char* text) {
  return strdup(text);
}
void drop(char* text) {
  free(text);
}
char* grow(char* block, size_t size) {
  return realloc(block, size);
}

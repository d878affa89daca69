/* Allocates a little and leaves. With an argument: leaves with that status. */
#include <stdlib.h>
int main(int count, char** arguments) {
  void* volatile kept = malloc(100);
  free(kept);
  return count > 1 ? atoi(arguments[1]) : 0;
}

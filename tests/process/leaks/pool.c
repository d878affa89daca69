/* A free list: objects are taken from malloc in the first phase and go round after that. */
/* Expect: not growing takeObject */
#include <stdlib.h>
#include <string.h>

#include "pace.h"

struct Object {
  struct Object* next;
  char bytes[1016];
};
static struct Object* pool;

__attribute__((noinline)) static struct Object* takeObject(void) {
  struct Object* object = pool;
  if (object) {
    pool = object->next;
  } else {
    object = malloc(sizeof *object);
  }
  memset(object, 0, sizeof *object);
  return object;
}

static void step(int number) {
  struct Object* taken[300];
  const int count = 200 + number * 7 % 100;
  for (int i = 0; i < count; ++i) taken[i] = takeObject();
  for (int i = 0; i < count; ++i) {
    taken[i]->next = pool;
    pool = taken[i];
  }
}

int main(void) {
  return paced(step);
}

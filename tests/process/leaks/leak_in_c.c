/* The usual one in C: the list's nodes are freed, their names are not. */
/* Expect: growing makeNode */
#include <stdlib.h>
#include <string.h>

#include "pace.h"

struct Node {
  char* name;
  struct Node* next;
};

__attribute__((noinline)) static struct Node* makeNode(struct Node* next, int number) {
  char name[300];
  memset(name, 'a' + number % 26, sizeof name - 1);
  name[sizeof name - 1] = '\0';
  struct Node* node = malloc(sizeof *node);
  node->name = strdup(name);
  node->next = next;
  return node;
}

static void step(int number) {
  struct Node* list = NULL;
  for (int i = 0; i < 30; ++i) list = makeNode(list, number + i);
  while (list) {
    struct Node* next = list->next;
    free(list);
    list = next;
  }
}

int main(void) {
  return paced(step);
}

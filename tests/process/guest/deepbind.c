// Opens deepbind_plugin.so, which only this program's RUNPATH leads to, as PHP opens its extensions.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  void* plugin = dlopen("deepbind_plugin.so", RTLD_NOW | RTLD_DEEPBIND);
  if (plugin == NULL) {
    printf("%s\n", dlerror());
    return 1;
  }
  void (*take)(char*) = (void (*)(char*))dlsym(plugin, "take");
  char* (*copy)(const char*) = (char* (*)(const char*))dlsym(plugin, "copy");
  void (*drop)(char*) = (void (*)(char*))dlsym(plugin, "drop");
  char* (*grow)(char*, size_t) = (char* (*)(char*, size_t))dlsym(plugin, "grow");
  for (int i = 0; i < 10000; ++i) {
    char* block = malloc((size_t)(i % 5000) + 8);
    strcpy(block, "mine");
    block = grow(block, (size_t)(i % 7000) + 8);
    if (strcmp(block, "mine") != 0) return 2;
    take(block);
    char* text = copy("the plugin's");
    if (i % 2 == 0) {
      drop(text);
    } else {
      free(text);
    }
  }
  if (dlopen("no_such_plugin.so", RTLD_NOW | RTLD_DEEPBIND) != NULL) return 3;
  if (strstr(dlerror(), "no_such_plugin.so") == NULL) return 4;
  if (dlclose(plugin) != 0) return 5;
  printf("10000 blocks went both ways\n");
  return 0;
}

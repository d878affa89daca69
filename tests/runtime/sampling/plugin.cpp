// A shared object to be loaded and unloaded while others walk. It calls back through a frame of its own.
extern "C" __attribute__((visibility("default"))) int pluginCall(int (*callback)(void*), void* argument) {
  const int result = callback(argument);
  __asm__ volatile("");
  return result + 1;
}

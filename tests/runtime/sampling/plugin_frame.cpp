// One function in two builds that differ in the size of its frame, not in the length of an instruction: at
// one address, the same return address belongs to different frames.
extern "C" __attribute__((visibility("default"))) int pluginCall(int (*callback)(void*), void* argument) {
  volatile long room[HEAPPROF_TEST_FRAME_WORDS];
  room[0] = 1;
  const int result = callback(argument);
  return result + static_cast<int>(room[0]);
}

#if HEAPPROF_TEST_FRAME_WORDS > 4
// A build that differs in frames alone, and in no function's length, would have the same fingerprint.
extern "C" __attribute__((visibility("default"))) int anotherCall(int number) {
  return number + 1;
}
#endif

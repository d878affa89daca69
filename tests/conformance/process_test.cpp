// What only a whole program shows: libc's own allocations, pointers of the allocator before us, starting
// other programs. Built for the real names only.
#include <cstdlib>
#include <dlfcn.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/conformance/support.h"

extern char** environ;

namespace heapprof::conformance {
namespace {

// The run that means to test libheapprof.so says so in the environment; without this check a wrong path would
// test glibc.
TEST(Process, TheExpectedAllocatorAnswers) {
  const char* expected = std::getenv("HEAPPROF_TEST_EXPECTS");
  ASSERT_NE(expected, nullptr) << "set HEAPPROF_TEST_EXPECTS to glibc or libheapprof.so";
  EXPECT_STREQ(family().name, expected);
  for (const char* name :
       {"malloc", "free", "realloc", "calloc", "posix_memalign", "aligned_alloc", "malloc_usable_size"}) {
    Dl_info info{};
    ASSERT_NE(dladdr(dlsym(RTLD_DEFAULT, name), &info), 0);
    EXPECT_EQ(std::string(info.dli_fname).find("libheapprof") != std::string::npos, family().isOurs) << name;
  }
  for (const char* name : {"_Znwm", "_Znam", "_ZdlPv", "_ZdlPvm", "_ZnwmSt11align_val_t",
                           "_ZdaPvSt11align_val_tRKSt9nothrow_t"}) {
    Dl_info info{};
    ASSERT_NE(dladdr(dlsym(RTLD_DEFAULT, name), &info), 0);
    EXPECT_EQ(std::string(info.dli_fname).find("libheapprof") != std::string::npos, family().isOurs) << name;
  }
}

TEST(Process, WhatLibcAllocatesMayBeFreedAndResized) {
  for (int i = 0; i < 200; i++) {
    char* copy = strdup("some text that libc copies");
    copy = static_cast<char*>(family().realloc(copy, 500));
    EXPECT_STREQ(copy, "some text that libc copies");
    family().free(copy);
    char* printed = nullptr;
    ASSERT_GT(asprintf(&printed, "%0*d", 10 + i * 50, i), 0);
    EXPECT_GE(family().usableSize(printed), static_cast<std::size_t>(11 + i * 50));
    family().free(printed);
    char* path = realpath("/proc/self/exe", nullptr);
    ASSERT_NE(path, nullptr);
    family().free(path);
  }
  char* line = static_cast<char*>(family().malloc(4));
  std::size_t room = 4;
  FILE* file = fopen("/proc/self/maps", "re");
  ASSERT_NE(file, nullptr);
  int lines = 0;
  while (getline(&line, &room, file) > 0) lines++;
  fclose(file);
  EXPECT_GT(lines, 5);
  family().free(line);
}

// Memory that glibc's allocator gave out before the library was in place, or through its private names.
TEST(Process, PointersOfAnotherAllocatorDoNoHarm) {
  using Malloc = void* (*)(std::size_t);
  const auto libcMalloc = reinterpret_cast<Malloc>(dlsym(RTLD_DEFAULT, "__libc_malloc"));
  if (libcMalloc == nullptr || !family().isOurs) GTEST_SKIP() << "needs __libc_malloc beside our malloc";
  for (std::size_t n : {8, 100, 5000, 400000}) {
    family().free(libcMalloc(n));
    void* p = libcMalloc(n);
    fill(p, n, 4);
    void* q = family().realloc(p, n * 3);
    ASSERT_NE(q, nullptr);
    EXPECT_EQ(firstDifference(q, n, 4), n);
    fill(q, n * 3, 5);
    family().free(q);
  }
}

pid_t startByVfork(const char* path) {
  const pid_t child = vfork();
  if (child == 0) {
    execl(path, path, static_cast<char*>(nullptr));
    _exit(1);
  }
  return child;
}

TEST(Process, VforkAndSpawnedChildrenLeaveTheHeapAlone) {
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < 1000; i++) {
    blocks.push_back(family().malloc(i));
    fill(blocks.back(), i, static_cast<unsigned>(i));
  }
  for (int i = 0; i < 10; i++) {
    int status = 0;
    ASSERT_GT(waitpid(startByVfork("/bin/true"), &status, 0), 0);
    EXPECT_EQ(status, 0);
    pid_t spawned = 0;
    const char* arguments[] = {"true", nullptr};
    ASSERT_EQ(posix_spawn(&spawned, "/bin/true", nullptr, nullptr, const_cast<char**>(arguments), environ),
              0);
    ASSERT_EQ(waitpid(spawned, &status, 0), spawned);
    EXPECT_EQ(status, 0);
  }
  for (std::size_t i = 0; i < blocks.size(); i++) {
    ASSERT_EQ(firstDifference(blocks[i], i, static_cast<unsigned>(i)), i);
    family().free(blocks[i]);
  }
}

TEST(Process, DlopenedLibrariesUseTheSameAllocator) {
  for (int i = 0; i < 20; i++) {
    void* handle = dlopen("libm.so.6", RTLD_NOW);
    ASSERT_NE(handle, nullptr);
    dlclose(handle);
    EXPECT_EQ(dlopen("/nonexistent/library.so", RTLD_NOW), nullptr);
    EXPECT_NE(dlerror(), nullptr);
  }
}

}  // namespace
}  // namespace heapprof::conformance

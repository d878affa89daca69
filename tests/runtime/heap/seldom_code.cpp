// A small program, run with the library preloaded: of the library it maps what runtime/everyday.ld has in
// front, and no page of the code that few programs run, not even when it forks. Each stage is looked at
// before the next has run.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct Mapping {
  bool isCode, isWritable;
  long kib, residentKiB;
};
struct Mappings {
  Mapping rows[16] = {};
  int count = 0;

  // The nth with code, or the first of all, which holds symbols and tables.
  const Mapping& code(int nth) const {
    for (const Mapping& row : rows) {
      if (row.isCode && nth-- == 0) return row;
    }
    std::abort();
  }
};

// Those of the library's file, from the lowest address on. What was writable until it had been relocated
// comes last but one.
Mappings readMappings() {
  Mappings out;
  std::FILE* file = std::fopen("/proc/self/smaps", "r");
  if (file == nullptr) std::abort();
  char line[512];
  bool isOurs = false;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    char rights[8] = {};
    unsigned long from = 0, to = 0;
    long kib = 0;
    if (std::sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3) {
      isOurs = std::strstr(line, "libheapprof.so") != nullptr && out.count < 16;
      if (isOurs)
        out.rows[out.count++] = {rights[2] == 'x', rights[1] == 'w', static_cast<long>((to - from) >> 10), 0};
    } else if (isOurs && std::sscanf(line, "Rss: %ld kB", &kib) == 1) {
      out.rows[out.count - 1].residentKiB = kib;
    }
  }
  std::fclose(file);
  return out;
}

// Of the library's variables: what is this process's alone.
long ownVariablesKiB() {
  std::FILE* file = std::fopen("/proc/self/smaps", "r");
  if (file == nullptr) std::abort();
  char line[512];
  bool isOurs = false;
  bool followsOurs = false;
  long sum = 0;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    char rights[8] = {};
    unsigned long from = 0, to = 0, inode = 1;
    long kib = 0;
    if (std::sscanf(line, "%lx-%lx %7s %*s %*s %lu", &from, &to, rights, &inode) == 4) {
      followsOurs = isOurs && inode == 0;  // those that are zero at first
      isOurs = std::strstr(line, "libheapprof.so") != nullptr;
    } else if ((isOurs || followsOurs) && std::sscanf(line, "Private_Dirty: %ld kB", &kib) == 1) {
      sum += kib;
    }
  }
  std::fclose(file);
  return sum;
}

int failures = 0;
void check(bool holds, const char* otherwise) {
  if (holds) return;
  std::printf("FAILED: %s\n", otherwise);
  ++failures;
}

}  // namespace

int main() {
  static void* blocks[1000];
  for (int i = 0; i < 100; ++i) blocks[i] = std::malloc(100);
  for (int i = 0; i < 100; ++i) std::free(blocks[i]);
  const Mappings smallest = readMappings();

  std::size_t size = 0;
  for (void*& block : blocks) block = std::malloc(++size);
  for (void* block : blocks) std::free(block);
  for (std::size_t medium = 5000; medium < 60000; medium *= 2)
    std::free(std::realloc(std::malloc(medium), 2 * medium));
  const Mappings small = readMappings();

  int codes = 0;
  for (const Mapping& row : small.rows) codes += row.isCode ? 1 : 0;
  std::printf("%d mappings of code\n", codes);
  check(codes == 3,
        "three mappings of code are expected: everyday's, common's and the one that few programs need");
  if (codes != 3) return 1;
  const Mapping& tables = small.rows[0];
  std::printf("tables %ld of %ld KiB; everyday code %ld of %ld, common %ld and then %ld of %ld, seldom %ld\n",
              tables.residentKiB, tables.kib, small.code(0).residentKiB, small.code(0).kib,
              smallest.code(1).residentKiB, small.code(1).residentKiB, small.code(1).kib,
              small.code(2).residentKiB);
  check(small.code(0).residentKiB != 0, "the everyday code is not resident: is the library preloaded?");
  check(smallest.code(1).residentKiB == 0,
        "the smallest program runs code that runtime/everyday.ld has under .text.common");
  check(small.code(1).residentKiB != 0,
        "blocks above 4 KiB do not run the code that runtime/everyday.ld has for them");
  check(small.code(2).residentKiB == 0,
        "a small program runs code that runtime/everyday.ld has under .text.seldom");

  const pid_t child = fork();
  const long forkedCode = readMappings().code(2).residentKiB;
  check(forkedCode == 0, "fork runs code that runtime/everyday.ld has under .text.seldom");
  if (child == 0) {
    const long own = ownVariablesKiB();
    std::printf("forked child: seldom code %ld KiB, variables of its own %ld KiB\n", forkedCode, own);
#if defined(__x86_64__) && !defined(__clang__)
    check(own <= 28, "a forked child copies more than seven pages of the library's variables");
#endif
    std::fflush(stdout);
    _exit(failures == 0 ? 0 : 1);
  }
  int status = 0;
  check(waitpid(child, &status, 0) == child && status == 0, "the child failed, see above");

  long written = 0;
  for (const Mapping& row : smallest.rows) written += row.isWritable ? row.residentKiB : 0;
  std::printf("variables %ld KiB\n", written);
#if defined(__x86_64__) && !defined(__clang__)
  check(written <= 4, "the smallest program writes to more than one page of the library's variables");
  check(tables.kib <= 16, "symbols, relocations and everyday constants fill more than four pages");
  check(small.code(0).kib <= 16, "the everyday code fills more than four pages");
  check(small.code(1).kib <= 16, "the common code fills more than four pages");
#endif
  return failures == 0 ? 0 : 1;
}

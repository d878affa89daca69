// A small program, run with the library preloaded: of the library it maps what runtime/everyday.ld has in
// front, and no page of the code that few programs run. Each stage is looked at before the next has run.
#include <cstdio>
#include <cstdlib>
#include <cstring>

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

// A small program, run with the library preloaded: it must not map a page of the code that few programs run
// (runtime/everyday.ld).
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

struct Mapping {
  bool isCode;
  long residentKiB;
};

// Those of the library's file that nobody writes to, from the lowest address on.
int readMappings(Mapping* mappings, int most) {
  std::FILE* file = std::fopen("/proc/self/smaps", "r");
  if (file == nullptr) return 0;
  char line[512];
  int count = 0;
  bool isOurs = false;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    char rights[8] = {};
    long kib = 0;
    if (std::sscanf(line, "%*x-%*x %7s", rights) == 1) {
      isOurs = std::strstr(line, "libheapprof.so") != nullptr && rights[1] == '-' && count < most;
      if (isOurs) mappings[count++] = {rights[2] == 'x', 0};
    } else if (isOurs && std::sscanf(line, "Rss: %ld kB", &kib) == 1) {
      mappings[count - 1].residentKiB = kib;
    }
  }
  std::fclose(file);
  return count;
}

}  // namespace

int main() {
  static void* blocks[1000];
  std::size_t size = 0;
  for (void*& block : blocks) block = std::malloc(++size);
  for (void* block : blocks) std::free(block);
  for (std::size_t medium = 5000; medium < 60000; medium *= 2)
    std::free(std::realloc(std::malloc(medium), 2 * medium));

  Mapping mappings[8];
  const int count = readMappings(mappings, 8);
  int codes = 0;
  long seldom = 0, everyday = 0;
  for (int i = 0; i < count; ++i) {
    if (!mappings[i].isCode) continue;
    (codes++ == 0 ? everyday : seldom) += mappings[i].residentKiB;
  }
  std::printf("%d mappings of code, everyday %ld KiB, seldom %ld KiB\n", codes, everyday, seldom);
  if (codes != 2)
    std::puts("FAILED: two mappings of code are expected: everyday's and the one that few programs need");
  if (everyday == 0) std::puts("FAILED: the everyday code is not resident: is the library preloaded?");
  if (seldom != 0)
    std::puts("FAILED: a small program runs code that runtime/everyday.ld has under .text.seldom");
  return codes == 2 && everyday != 0 && seldom == 0 ? 0 : 1;
}

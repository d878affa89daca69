// Prints run-time addresses of calls whose functions and lines it knows by itself (__LINE__, labels), for the
// test to compare with what the symbolizer makes of the same addresses. One line a call:
//   at ADDRESS inner:LINE middle:LINE outer:LINE
// and, for each executable mapping of this program, "map START LIMIT OFFSET".
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

namespace fixture {

// The call's own address: the return address minus one lies inside the call.
[[gnu::noinline]] std::uintptr_t callSite() {
  return reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)) - 1;
}

struct Seen {
  std::uintptr_t address;
  int inner, middle, outer;
};

// Keeps a call from becoming a jump, and its result from being known.
inline __attribute__((always_inline)) void keep(std::uintptr_t& value) {
  asm volatile("" : "+r"(value));
}

inline __attribute__((always_inline)) std::uintptr_t innermost(Seen& seen) {
  seen.inner = __LINE__ + 1;
  std::uintptr_t address = callSite();
  keep(address);
  return address;
}

template <typename T>
inline __attribute__((always_inline)) std::uintptr_t middle(Seen& seen, T) {
  seen.middle = __LINE__ + 1;
  std::uintptr_t address = innermost(seen);
  keep(address);
  return address;
}

class Holder {
 public:
  [[gnu::noinline]] Seen outer(int) const {
    Seen seen{};
    seen.outer = __LINE__ + 1;
    seen.address = middle<std::string>(seen, std::string());
    return seen;
  }
  [[gnu::noinline]] explicit Holder(Seen* seen) {
    seen->outer = __LINE__ + 1;
    seen->address = callSite();
    keep(seen->address);
  }
};

namespace {
[[gnu::noinline]] std::uintptr_t hidden(int* line) {
  *line = __LINE__ + 1;
  std::uintptr_t address = callSite();
  keep(address);
  return address;
}
}  // namespace

}  // namespace fixture

// No name for the dynamic linker, and not the one before it either.
[[gnu::noinline]] static std::uintptr_t onlyLocal(int* line) {
  *line = __LINE__ + 1;
  std::uintptr_t address = fixture::callSite();
  fixture::keep(address);
  return address;
}

extern "C" [[gnu::noinline]] std::uintptr_t plainC(int* line) {
  *line = __LINE__ + 1;
  std::uintptr_t address = fixture::callSite();
  fixture::keep(address);
  return address;
}

static void printMappings(const char* self) {
  std::FILE* maps = std::fopen("/proc/self/maps", "r");
  char line[4096], mode[8], path[2048];
  std::uint64_t start = 0, limit = 0, offset = 0;
  while (maps != nullptr && std::fgets(line, sizeof line, maps) != nullptr) {
    path[0] = '\0';
    if (std::sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %2047s", &start, &limit, mode,
                    &offset, path) < 4) {
      continue;
    }
    if (mode[2] == 'x' && std::strcmp(path, self) == 0) {
      std::printf("map %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", start, limit, offset);
    }
  }
  if (maps != nullptr) std::fclose(maps);
}

int main(int, char** argv) {
  using fixture::Holder;
  printMappings(argv[0]);
  fixture::Seen made{};
  const Holder holder(&made);
  const fixture::Seen seen = holder.outer(1);
  std::printf(
      "at %" PRIxPTR
      " fixture::innermost:%d fixture::middle<std::basic_string<char>>:%d fixture::Holder::outer:%d\n",
      seen.address, seen.inner, seen.middle, seen.outer);
  std::printf("at %" PRIxPTR " fixture::Holder::Holder:%d\n", made.address, made.outer);
  int line = 0;
  const std::uintptr_t hidden = fixture::hidden(&line);
  std::printf("at %" PRIxPTR " fixture::(anonymous_namespace)::hidden:%d\n", hidden, line);
  const std::uintptr_t local = onlyLocal(&line);
  std::printf("at %" PRIxPTR " onlyLocal:%d\n", local, line);
  const std::uintptr_t plain = plainC(&line);
  std::printf("at %" PRIxPTR " plainC:%d\n", plain, line);
  auto lambda = [](int* number) __attribute__((noinline)) {
    *number = __LINE__ + 1;
    std::uintptr_t address = fixture::callSite();
    fixture::keep(address);
    return address;
  };
  const std::uintptr_t inLambda = lambda(&line);
  std::printf("at %" PRIxPTR " main::{lambda}::operator():%d\n", inLambda, line);
  return 0;
}

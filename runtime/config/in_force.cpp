// The options in force. Apart from the parser, which only processes that set HEAPPROF ever run. Reads environ
// directly: getenv takes no lock either, but a program may have replaced it.
#include <atomic>
#include <cstring>
#include <sched.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "runtime/base/fatal.h"
#include "runtime/config/options.h"

namespace heapprof::config {
namespace {

constinit Options inForce;
constinit std::atomic<int> state{0};  // 0 not read, 1 being read, 2 read

// Null where HEAPPROF is unset, empty or 0, and in setuid programs: then the defaults stay.
const char* textInEnvironment() noexcept {
  constexpr char kStart[] = "HEAPPROF=";
  constexpr std::size_t kLength = sizeof kStart - 1;
  if (getauxval(AT_SECURE) != 0) return nullptr;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, kStart, kLength) != 0) continue;
    const char* value = *entry + kLength;
    const bool isPlain = value[0] == '\0' || (value[0] == '0' && value[1] == '\0');
    return isPlain ? nullptr : value;
  }
  return nullptr;
}

}  // namespace

const Options& options() noexcept {
  // acquire: pairs with the release below
  if (state.load(std::memory_order_acquire) == 2) return inForce;
  if (environ == nullptr) return inForce;  // the defaults, before libc is up: asked again later
  int unread = 0;
  if (state.compare_exchange_strong(unread, 1, std::memory_order_acquire)) {
    if (const char* text = textInEnvironment()) {
      parseInThisProcess(text, &inForce);
      base::setLogging(inForce.log);
    }
    state.store(2, std::memory_order_release);
  } else {
    while (state.load(std::memory_order_acquire) != 2) sched_yield();
  }
  return inForce;
}

}  // namespace heapprof::config

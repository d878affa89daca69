#include "runtime/entry/control_verbs.h"

#include <cerrno>
#include <cstring>

#include "runtime/config/options.h"
#include "runtime/config/values.h"
#include "runtime/entry/commands.h"
#include "runtime/heap/allocator.h"
#include "runtime/introspect/dump.h"
#include "runtime/introspect/timeline.h"
#include "runtime/os/os.h"
#include "runtime/sampling/read.h"
#include "runtime/sampling/sampler.h"

namespace heapprof::entry {
namespace {

using introspect::Text;

constexpr const char* kProtocol = "1";

struct Request {
  const char* argument;  // "" where there is none
  int passed;
};

void finish(int error, Text* answer) noexcept {
  if (error == 0) {
    answer->add("ok");
  } else {
    answer->add("error ").add(introspect::errorText(error));
  }
}

void version(const Request&, Text* answer) noexcept {
  answer->add("ok ").add(kProtocol).add(" ").add(kVersion);
}

// A trigger's dump, or another thread's, is most likely over soon.
constexpr std::uint64_t kDumpPatienceNanos = 5'000'000'000;

void dump(const Request& request, Text* answer) noexcept {
  using introspect::Reason;
  introspect::waitForDumpInProgress(kDumpPatienceNanos);
  if (request.passed >= 0) {
    // A pipe that nobody reads would hold the dump lock for ever.
    if (!os::seeFile(request.passed).isRegular) {
      answer->add("error the descriptor is not a regular file");
      return;
    }
    finish(introspect::dumpToFd(request.passed, Reason::kControl), answer);
  } else if (request.argument[0] == '\0') {
    finish(introspect::dumpToTemplate(Reason::kControl), answer);
  } else if (request.argument[0] != '/') {
    answer->add("error the path must be absolute");
  } else {
    finish(introspect::dumpToPath(request.argument, Reason::kControl), answer);
  }
}

void setInterval(std::uint64_t interval, Text* answer) noexcept {
  if (interval > sampling::kLargestInterval) {
    answer->add("error the interval is above 1 TiB");
    return;
  }
  const int error = changeIntervalOnHelper(interval);
  if (error == 0) {
    answer->add("ok ").decimal(sampling::intervalBytes());
  } else {
    answer->add("error the helper thread is busy; it is done as soon as it is free");
  }
}

void complainAboutSize(const Request& request, Text* answer) noexcept {
  answer->add("error not a size such as 512k: ").add(request.argument);
}

void interval(const Request& request, Text* answer) noexcept {
  std::uint64_t bytes = 0;
  if (!config::parseBytes(config::textOf(request.argument), &bytes)) {
    complainAboutSize(request, answer);
  } else {
    setInterval(bytes, answer);
  }
}

void start(const Request& request, Text* answer) noexcept {
  std::uint64_t bytes = 0;
  if (request.argument[0] != '\0' && !config::parseBytes(config::textOf(request.argument), &bytes)) {
    complainAboutSize(request, answer);
  } else {
    setInterval(startInterval(bytes), answer);
  }
}

void stop(const Request&, Text* answer) noexcept {
  sampling::setIntervalBytes(0);
  answer->add("ok");
}

void reset(const Request&, Text* answer) noexcept {
  sampling::resetCumulative();
  answer->add("ok");
}

void purge(const Request&, Text* answer) noexcept {
  answer->add("ok ").decimal(heap::releaseFreeMemory());
}

void stats(const Request&, Text* answer) noexcept {
  char json[kMostAnswerBytes - 64];
  if (writeStatsJson(json, sizeof json) == 0) {
    answer->add("ok ").add(json);
  } else {
    answer->add("error the figures do not fit");
  }
}

void mark(const Request& request, Text* answer) noexcept {
  if (introspect::addTimelineMark(request.argument) == 0) {
    answer->add("ok");
  } else {
    answer->add("error a mark has a name: mark NAME");
  }
}

struct Verb {
  char name[12];
  void (*serve)(const Request&, Text*) noexcept;
};
constexpr Verb kVerbs[] = {
    {"version", version}, {"dump", dump},   {"start", start}, {"stop", stop}, {"interval", interval},
    {"reset", reset},     {"purge", purge}, {"stats", stats}, {"mark", mark},
};

}  // namespace

void serveRequest(const char* line, int passed, Text* answer) noexcept {
  const char* space = std::strchr(line, ' ');
  const std::size_t length = space != nullptr ? static_cast<std::size_t>(space - line) : std::strlen(line);
  const Request request{space != nullptr ? space + 1 : "", passed};
  for (const Verb& verb : kVerbs) {
    if (std::strlen(verb.name) == length && std::memcmp(verb.name, line, length) == 0) {
      verb.serve(request, answer);
      return;
    }
  }
  answer->add("error no such verb; version, dump, start, stop, interval, reset, purge, stats, mark");
}

}  // namespace heapprof::entry

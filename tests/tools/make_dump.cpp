// Makes a valid, plausible dump of any size that came from no program: header.reason is GENERATED. Memory:
// the extents and the call tree; rows are streamed. The same flags give the same bytes.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <getopt.h>
#include <memory>
#include <vector>

#include "formats/wire/gzip_sink.h"
#include "tests/tools/dump_writer.h"

namespace {

using heapprof::tools::DumpPlan;

constexpr char kUsage[] =
    "usage: make_dump [--samples N] [--stacks N] [--live N] [--extents N] [--huge-pages N] [--seed N] "
    "[--second N] [--host NAME] [--plain] -o FILE\n"
    "  --samples N     sampled sites: rows of pprof's samples (2000)\n"
    "  --stacks N      distinct call stacks (500)\n"
    "  --live N        live sampled objects with addresses (as many as sites)\n"
    "  --extents N     rows of the heap map (1000)\n"
    "  --huge-pages N  2 MiB units; a terabyte is 524288 (128)\n"
    "  --seed N        the same seed and flags give the same bytes (1)\n"
    "  --second N      the same heap, dumped so many seconds later (0)\n"
    "  --host NAME     where it was taken (example)\n"
    "  --plain         protobuf without gzip around it\n";

bool parseNumber(const char* text, std::uint64_t* value) {
  char* end = nullptr;
  errno = 0;
  *value = std::strtoull(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

bool parsePlan(int argc, char** argv, DumpPlan* plan) {
  const option options[] = {{"samples", required_argument, nullptr, 's'},
                            {"stacks", required_argument, nullptr, 't'},
                            {"live", required_argument, nullptr, 'l'},
                            {"extents", required_argument, nullptr, 'e'},
                            {"huge-pages", required_argument, nullptr, 'h'},
                            {"seed", required_argument, nullptr, 'r'},
                            {"second", required_argument, nullptr, 'c'},
                            {"host", required_argument, nullptr, 'n'},
                            {"plain", no_argument, nullptr, 'p'},
                            {nullptr, 0, nullptr, 0}};
  for (int flag = 0; (flag = getopt_long(argc, argv, "o:", options, nullptr)) != -1;) {
    std::uint64_t* number = flag == 's'   ? &plan->samples
                            : flag == 't' ? &plan->stacks
                            : flag == 'l' ? &plan->live
                            : flag == 'e' ? &plan->extents
                            : flag == 'h' ? &plan->hugePages
                            : flag == 'r' ? &plan->seed
                            : flag == 'c' ? &plan->second
                                          : nullptr;
    if (number != nullptr && !parseNumber(optarg, number)) {
      std::fprintf(stderr, "make_dump: %s is not a number\n", optarg);
      return false;
    }
    if (flag == 'o') {
      plan->output = optarg;
    } else if (flag == 'n') {
      plan->host = optarg;
    } else if (flag == 'p') {
      plan->plain = true;
    } else if (number == nullptr) {
      return false;
    }
  }
  return optind == argc && !plan->output.empty() && plan->stacks != 0 && plan->extents != 0 &&
         plan->hugePages != 0;
}

}  // namespace

int main(int argc, char** argv) {
  DumpPlan plan;
  if (!parsePlan(argc, argv, &plan)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(plan.output.c_str(), "wb"),
                                                             std::fclose);
  if (!file) {
    std::fprintf(stderr, "make_dump: %s: cannot be written: %s\n", plan.output.c_str(), std::strerror(errno));
    return 1;
  }
  const heapprof::wire::Sink toFile{[](void* context, const void* data, std::size_t size) {
                                      return std::fwrite(data, 1, size, static_cast<std::FILE*>(context)) ==
                                             size;
                                    },
                                    file.get()};
  heapprof::wire::GzipSink gzip(toFile);
  std::vector<unsigned char> buffer(60000);
  heapprof::wire::Writer out(plan.plain ? toFile : gzip.sink(), buffer.data(), buffer.size());
  heapprof::tools::DumpWriter(plan, out).write();
  const bool whole = out.ok() && (plan.plain || gzip.finish()) && std::fflush(file.get()) == 0;
  if (!whole) {
    std::fprintf(stderr, "make_dump: %s: writing failed: %s\n", plan.output.c_str(), std::strerror(errno));
    return 1;
  }
  return 0;
}

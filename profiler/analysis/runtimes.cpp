#include "profiler/analysis/runtimes.h"

#include <re2/re2.h>

#include "profiler/analysis/node_table.h"

namespace heapprof::analysis {
namespace {

constexpr LanguageRuntime kRuntimes[] = {
    {"Python", R"(^(libpython[23]|python[23]?(\.\d+)?\w*$))", nullptr,
     "stacks name the interpreter's C functions, not the script's; objects of up to 512 bytes lie in the "
     "interpreter's own arenas",
     "PYTHONMALLOC=malloc shows every object here; tracemalloc and memray show lines of the script"},
    {"Java", R"(^libjvm\.so)", nullptr,
     "stacks name the virtual machine's functions; the Java heap and compiled code are mappings of its own",
     "jcmd PID GC.class_histogram shows the Java heap, and -XX:NativeMemoryTracking=summary what the machine "
     "itself takes; -XX:+DumpPerfMapAtExit names compiled code"},
    {"JavaScript (V8)", R"(^(node|nodejs|deno|libnode\.so.*|libv8\w*\.so.*)$)", nullptr,
     "stacks name V8's and the addons' functions; the JavaScript heap is mappings of V8's own",
     "--heapsnapshot-signal shows the JavaScript heap; --perf-basic-prof names compiled code here"},
    {".NET", R"(^libcoreclr\.so)", nullptr,
     "stacks name the runtime's functions; the managed heap and compiled code are mappings of its own",
     "dotnet-gcdump shows the managed heap; DOTNET_PerfMapEnabled=1 names compiled code here"},
    {"Ruby", R"(^(libruby[\w.-]*\.so.*|ruby[\d.]*)$)", nullptr,
     "stacks name the interpreter's C functions; the slots of Ruby's objects are pages of the interpreter's "
     "own",
     "ObjectSpace.trace_object_allocations and rbtrace show lines of the script"},
    {"PHP", R"(^(php[\d.]*|php-fpm[\d.]*|libphp[\d.]*\.so.*)$)", nullptr,
     "stacks name the interpreter's C functions; what scripts take lies in the Zend manager's 2 MiB chunks",
     "USE_ZEND_ALLOC=0 shows every object here; memprof shows lines of the script"},
    {"Erlang", R"(^beam(\.smp|\.jit)?)", nullptr,
     "stacks name the virtual machine's functions; processes' heaps lie in its own carriers",
     "recon_alloc and erlang:memory() show what its own allocators hold"},
    {"LuaJIT", R"(^(luajit[\w.-]*|libluajit[\w.-]*\.so.*)$)", nullptr,
     "stacks name the interpreter's C functions; the Lua heap is mappings of LuaJIT's own",
     "collectgarbage('count') tells the size of the Lua heap"},
    {"Perl", R"(^(perl[\d.]*|libperl\.so.*)$)", nullptr,
     "stacks name the interpreter's C functions, not the script's",
     "Devel::Size and Devel::MAT show the script's values"},
    {"Go", nullptr, R"(^(runtime\.(cgocall|asmcgocall|rt0_go|mstart)|x_cgo_\w+|crosscall\w*)(\.abi0)?$)",
     "malloc sees what C code takes, called by cgo; Go's own heap is not in it at all",
     "net/http/pprof records Go's own heap; heapprof reads that file, too"},
};

bool anyMatches(const model::Snapshot& snapshot, const LanguageRuntime& runtime) {
  if (runtime.files != nullptr) {
    const re2::RE2 files(runtime.files);
    if (re2::RE2::PartialMatch(baseName(snapshot.snapshotText(snapshot.heap().header().program())), files))
      return true;
    for (const formats::Mapping& mapping : snapshot.columns().mappings) {
      if (re2::RE2::PartialMatch(baseName(snapshot.text(mapping.file)), files)) return true;
    }
  }
  if (runtime.function != nullptr) {
    const re2::RE2 functions(runtime.function);
    for (formats::StringIndex index : snapshot.columns().functions.name) {
      const absl::string_view name = snapshot.text(index);
      if (re2::RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), functions)) return true;
    }
  }
  return false;
}

}  // namespace

const LanguageRuntime* languageRuntimeOf(const model::Snapshot& snapshot) {
  for (const LanguageRuntime& runtime : kRuntimes) {
    if (anyMatches(snapshot, runtime)) return &runtime;
  }
  return nullptr;
}

}  // namespace heapprof::analysis

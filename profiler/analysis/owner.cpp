#include "profiler/analysis/owner.h"

#include <memory>
#include <re2/re2.h>
#include <vector>

namespace heapprof::analysis {
namespace {

struct Pattern {
  const char* regex;
  const char* why;
};

// Functions, matched anywhere in the name.
constexpr Pattern kFunctions[] = {
    {R"(^_*(GI_+)?(libc_)?(m|c|re|mem|v|pv|posix_mem|aligned_)?alloc(_usable|align|array)?$|^_*(GI_+)?(memalign|strn?dup|asprintf|vasprintf)$)",
     "libc's entries"},
    {R"(^(\w*_)?\w?(m|c|re|rec|try\w*)alloc(ate|array|x|_\w+|[A-Z0-9]\w*)?$)",
     "wrappers that are named after what they wrap: zmalloc, xmalloc, ztrymalloc_usable_internal, "
     "PyMem_RawMalloc"},
    {R"((?i)^\w*(Py\w*_|g_|ngx_p?|apr_p|je_|mi_|tc_|_int_|sqlite3\w*|git__\w*|av_|u_|xml)(m|c|z|re|p|nt|pc)?alloc\w*$)",
     "libraries' own allocation entries: g_malloc0, ngx_palloc, sqlite3Malloc, PyObject_Malloc"},
    {R"(^(CRYPTO|OPENSSL)_(secure_|aligned_)?(m|z|c|re|clear_re)alloc(_array)?$|^(CRYPTO|OPENSSL|g|ap|apr|xml)_?(p?str|mem)n?dup\d?$)",
     "OpenSSL's entries, and copies of strings that their callers keep: CRYPTO_zalloc, CRYPTO_strndup, "
     "g_memdup2"},
    {R"((?i)^(\w*_)?(Raw)?(Malloc|Calloc|Realloc|Alloc)(_?(raw|zero|0|n|usable))?$)",
     "names that say nothing but alloc"},
    {R"(^operator new(\[\])?)", "operator new, in every form"},
    {R"(^__gnu_cxx::(new_allocator|__pool_alloc|bitmap_allocator|malloc_allocator|__mt_alloc)|^std::__new_allocator)",
     "libstdc++'s allocators"},
    {R"(^(void |.* )?std::((__1|__cxx11|__detail|__debug|pmr)::)?(allocator|allocator_traits|_Vector_base|vector|_Deque_base|deque|)"
     R"(_Fwd_list_base|list|_List_base|_Rb_tree|_Hashtable\w*|unordered_\w+|map|set|multimap|multiset|basic_string|)"
     R"(__cxx11::basic_string|__shared_\w+|shared_ptr|_Sp_\w+|make_shared|make_unique|allocate_shared|unique_ptr|)"
     R"(function|_Function_\w+|_Construct|construct_at|operator\+<\w+|basic_stringbuf|__basic_\w+|_Temporary_buffer|get_temporary_buffer)\b)",
     "libstdc++'s and libc++'s containers and pointers: their user owns the memory"},
    {R"(^(absl|folly|boost|eastl|tbb)::(\w+::)*(allocate|Allocate|raw_hash_set|InlinedVector|Storage|flat_hash_\w+|)"
     R"(node_hash_\w+|fbvector|small_vector\w*|container)\b)",
     "containers of other libraries"},
    {R"(^(alloc::|__rust_|__rdl_|<?alloc::|hashbrown::raw))", "Rust's allocation and its raw containers"},
    {R"(^runtime\.(mallocgc|newobject|makeslice|growslice|makemap\w*|makechan|newarray|rawstring\w*|rawbyteslice|)"
     R"(concatstrings|slicebytetostring|stringtoslicebyte|mapassign\w*|hashGrow))",
     "Go's runtime entries"},
    {R"(^heapprof_|^heapprof::)", "our own"},
};

// Modules of which no function is an owner.
constexpr const char* kModules =
    R"((^|/)(libheapprof|libjemalloc|libtcmalloc\w*|libmimalloc|ld-linux[\w-]*|libstdc\+\+|libc\+\+|libgcc_s)[.\w-]*\.so)";

const std::vector<std::unique_ptr<re2::RE2>>& functionPatterns() {
  static const auto* compiled = [] {
    auto* all = new std::vector<std::unique_ptr<re2::RE2>>;
    for (const Pattern& pattern : kFunctions) all->push_back(std::make_unique<re2::RE2>(pattern.regex));
    return all;
  }();
  return *compiled;
}

}  // namespace

bool isPlumbing(absl::string_view function, absl::string_view module) {
  static const re2::RE2* modules = new re2::RE2(kModules);
  if (re2::RE2::PartialMatch(re2::StringPiece(module.data(), module.size()), *modules)) return true;
  const re2::StringPiece name(function.data(), function.size());
  for (const std::unique_ptr<re2::RE2>& pattern : functionPatterns()) {
    if (re2::RE2::PartialMatch(name, *pattern)) return true;
  }
  return false;
}

}  // namespace heapprof::analysis

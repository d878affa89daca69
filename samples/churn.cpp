// Churn: a page is rendered into a fresh buffer for every request and thrown away. Nothing leaks, and still
// the program spends its time in the allocator.
//
// Expected finding: by alloc_space `heapprof top` puts renderPage first, with about 1.2 GiB, 90% and more of
// the total; by inuse_space it holds next to nothing. The remedy is a buffer that is kept. Run: heapprof run
// -- ./churn; heapprof top -sample_index=alloc_space heapprof.churn.*.pb.gz
#include <cstdio>
#include <string>
#include <vector>

namespace {

auto& templates = *new std::vector<std::string>;  // never destroyed: the dump comes after static destructors

[[gnu::noinline]] void loadTemplates() {
  for (int i = 0; i < 200; ++i) templates.emplace_back(20000, static_cast<char>('a' + i % 26));
}

[[gnu::noinline]] std::size_t renderPage(std::size_t request) {
  std::vector<char> page;  // a fresh buffer for each request
  page.reserve(30000);
  const std::string& from = templates[request % templates.size()];
  page.insert(page.end(), from.begin(), from.end());
  return page.size() + static_cast<std::size_t>(page[request % page.size()]);
}

// A little of honest work that allocates less.
[[gnu::noinline]] std::size_t logLine(std::size_t request) {
  return ("request " + std::to_string(request) + " was answered without an error").size();
}

}  // namespace

int main() {
  loadTemplates();
  std::size_t bytes = 0;
  for (std::size_t request = 0; request < 43000; ++request) bytes += renderPage(request) + logLine(request);
  std::printf("%zu bytes rendered\n", bytes);
  return 0;
}

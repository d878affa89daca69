// A file of the symbol cache with any content: what it says of an address stands, what it does not say is
// taken and kept, and a file that is not to be believed is replaced by one that is.
#include <fcntl.h>
#include <filesystem>
#include <vector>

#include "profiler/symbols/symbol_cache.h"
#include "tests/fuzz/property.h"

namespace {

namespace fs = std::filesystem;
using heapprof::fuzz::require;
using heapprof::symbols::Frame;
using heapprof::symbols::SymbolCache;

constexpr char kBuildId[] = "0123456789abcdef0123";
constexpr char kStamp[] = "42 bytes, 1.5";
constexpr std::uint64_t kAddresses[] = {0, 0x1000, 0x2000, 0x3000, ~std::uint64_t{0}};

// A folder of this run's own; goes away at its end.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "heapprof-symbol-cache-fuzz.XXXXXX").string();
    require(mkdtemp(name.data()) != nullptr, "a folder");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

bool same(const std::vector<Frame>& a, const std::vector<Frame>& b) {
  bool equal = a.size() == b.size();
  for (std::size_t i = 0; equal && i < a.size(); ++i) {
    equal = a[i].name == b[i].name && a[i].systemName == b[i].systemName && a[i].file == b[i].file &&
            a[i].line == b[i].line && a[i].column == b[i].column && a[i].startLine == b[i].startLine;
  }
  return equal;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  const std::string path = folder.path() + "/" + kBuildId + ".pb.zst";
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  require(file >= 0 && write(file, data, size) == static_cast<ssize_t>(size), "a file in the cache");
  close(file);

  Frame frame;
  frame.name = "added";
  frame.file = "/src/added.cpp";
  frame.line = 7;
  std::vector<std::vector<Frame>> expected;
  SymbolCache cache(folder.path(), kBuildId, kStamp);
  for (const std::uint64_t address : kAddresses) {
    const auto known = cache.find(address);
    expected.push_back(known.value_or(std::vector<Frame>{frame}));
    if (!known) cache.add(address, {frame});
  }
  cache.save();
  const SymbolCache again(folder.path(), kBuildId, kStamp);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto kept = again.find(kAddresses[i]);
    require(kept.has_value() && same(*kept, expected[i]), "what was said or added is kept");
  }
  return 0;
}

#include "profiler/symbols/symbol_table.h"

#include <algorithm>
#include <vector>

namespace heapprof::symbols {
namespace {

struct Row {
  std::uint64_t start, size;
  const char* name;
  bool isGlobal;
};

}  // namespace

void SymbolTable::build() {
  built_ = true;
  std::vector<Row> rows;
  bool anyLocal = false;
  const int count = dwfl_module_getsymtab(module_);
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol;
    GElf_Addr address = 0;
    GElf_Word section = 0;
    const char* name = dwfl_module_getsym_info(module_, i, &symbol, &address, &section, nullptr, nullptr);
    if (name == nullptr || name[0] == '\0' || section == SHN_UNDEF || symbol.st_shndx == SHN_ABS) continue;
    const int type = GELF_ST_TYPE(symbol.st_info);
    if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE) continue;
    if (type == STT_NOTYPE && name[0] == '$') continue;  // AArch64's mapping symbols
    const bool isGlobal = GELF_ST_BIND(symbol.st_info) != STB_LOCAL;
    anyLocal |= !isGlobal && type == STT_FUNC;
    rows.push_back({address, symbol.st_size, name, isGlobal});
  }
  full_ = anyLocal;
  // Of several names for one place the global and larger one is added last, so that it is found.
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    if (a.start != b.start) return a.start < b.start;
    if (a.isGlobal != b.isGlobal) return !a.isGlobal;
    return a.size < b.size;
  });
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::uint64_t end = rows[i].start + rows[i].size;
    if (rows[i].size == 0) {
      std::size_t next = i;
      while (next < rows.size() && rows[next].start == rows[i].start) ++next;
      end = next < rows.size() ? rows[next].start : rows[i].start + 1;
    }
    names_.add(rows[i].start, end, rows[i].name);
  }
  names_.seal();
}

const char* SymbolTable::find(std::uint64_t address) {
  if (!built_) build();
  const char* const* name = names_.find(address);
  return name == nullptr ? nullptr : *name;
}

bool SymbolTable::isFull() {
  if (!built_) build();
  return full_;
}

}  // namespace heapprof::symbols

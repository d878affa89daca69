#include "profiler/symbols/dwarf_index.h"

#include <cstdlib>
#include <dwarf.h>
#include <filesystem>
#include <utility>

#include "profiler/symbols/readable_name.h"
#include "profiler/symbols/symbolizer.h"

namespace heapprof::symbols {
namespace {

constexpr int kMaxDepth = 200;  // of nested blocks; damaged files could nest without end

// Calls visit(low, high) for each code range. Ranges that start at 0 are those of functions that the linker
// dropped.
template <typename Visit>
void forEachRange(Dwarf_Die* die, Visit visit) {
  ptrdiff_t offset = 0;
  Dwarf_Addr base = 0, low = 0, high = 0;
  while ((offset = dwarf_ranges(die, offset, &base, &low, &high)) > 0) {
    if (low != 0) visit(low, high);
  }
}

// Languages whose functions live in scopes and have mangled names. The last two are newer than Debian 12's
// dwarf.h.
bool isCppUnit(Dwarf_Die* die) {
  constexpr int kCpp17 = 0x2b, kCpp20 = 0x2c;
  switch (dwarf_srclang(die)) {
    case DW_LANG_C_plus_plus:
    case DW_LANG_C_plus_plus_03:
    case DW_LANG_C_plus_plus_11:
    case DW_LANG_C_plus_plus_14:
    case DW_LANG_Rust:
    case kCpp17:
    case kCpp20:
      return true;
    default:
      return false;
  }
}

std::string stringAttribute(Dwarf_Die* die, unsigned int name) {
  Dwarf_Attribute attribute;
  if (dwarf_attr_integrate(die, name, &attribute) == nullptr) return {};
  const char* text = dwarf_formstring(&attribute);
  return text == nullptr ? std::string() : std::string(text);
}

std::int64_t numberAttribute(Dwarf_Die* die, unsigned int name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  if (dwarf_attr_integrate(die, name, &attribute) == nullptr || dwarf_formudata(&attribute, &value) != 0)
    return 0;
  return static_cast<std::int64_t>(value);
}

// "a/b/../c" as the build wrote it says "a/c" to a reader.
std::string tidyPath(const char* path) {
  if (path == nullptr) return {};
  return std::filesystem::path(path).lexically_normal().string();
}

// The declaration that carries scope and name: what inlined and out-of-line copies point at.
Dwarf_Die declarationOf(Dwarf_Die die) {
  for (int hops = 0; hops < 8; ++hops) {
    Dwarf_Attribute attribute;
    Dwarf_Die next;
    if ((dwarf_attr(&die, DW_AT_abstract_origin, &attribute) == nullptr &&
         dwarf_attr(&die, DW_AT_specification, &attribute) == nullptr) ||
        dwarf_formref_die(&attribute, &next) == nullptr) {
      break;
    }
    die = next;
  }
  return die;
}

// "ns::Class::" for a declaration that has no linkage name.
std::string scopeOf(Dwarf_Die declaration) {
  Dwarf_Die* scopes = nullptr;
  const int count = dwarf_getscopes_die(&declaration, &scopes);
  std::string scope;
  for (int i = 1; i < count; ++i) {
    switch (dwarf_tag(&scopes[i])) {
      case DW_TAG_namespace:
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
      case DW_TAG_union_type:
      case DW_TAG_subprogram: {
        const char* name = dwarf_diename(&scopes[i]);
        const bool isNamespace = dwarf_tag(&scopes[i]) == DW_TAG_namespace;
        const std::string part = name != nullptr ? name
                                 : isNamespace   ? "(anonymous namespace)"
                                                 : "{unnamed type}";
        scope.insert(0, part + "::");
        break;
      }
      default:
        break;
    }
  }
  std::free(scopes);
  return scope;
}

void callSite(Dwarf_Die* unit, Dwarf_Die* inlined, Frame* frame) {
  frame->line = numberAttribute(inlined, DW_AT_call_line);
  frame->column = numberAttribute(inlined, DW_AT_call_column);
  const auto index = static_cast<std::size_t>(numberAttribute(inlined, DW_AT_call_file));
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  if (dwarf_getsrcfiles(unit, &files, &count) == 0 && index < count) {
    frame->file = tidyPath(dwarf_filesrc(files, index, nullptr, nullptr));
  }
}

bool lineOf(Dwarf_Die* unit, std::uint64_t address, Frame* frame) {
  Dwarf_Line* row = dwarf_getsrc_die(unit, address);
  int number = 0;
  if (row == nullptr || dwarf_lineno(row, &number) != 0) return false;
  int column = 0;
  dwarf_linecol(row, &column);
  frame->line = number;
  frame->column = column;
  frame->file = tidyPath(dwarf_linesrc(row, nullptr, nullptr));
  return true;
}

bool mayHoldFunctions(int tag) {
  switch (tag) {
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
      return true;
    default:
      return false;
  }
}

}  // namespace

DwarfIndex::DwarfIndex(Dwarf* dwarf) {
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die, split;
  std::uint8_t type = 0;
  while (dwarf_get_units(dwarf, unit, &unit, nullptr, &type, &die, &split) == 0) {
    if (type == DW_UT_type || type == DW_UT_partial) continue;
    addUnit(die, type == DW_UT_skeleton && dwarf_tag(&split) != DW_TAG_invalid ? split : die);
  }
  for (std::size_t i = 0; i < units_.size(); ++i) {
    forEachRange(&units_[i].lines, [&](Dwarf_Addr low, Dwarf_Addr high) { unitRanges_.add(low, high, i); });
  }
  unitRanges_.seal();
}

void DwarfIndex::addUnit(Dwarf_Die die, Dwarf_Die bodies) {
  if (dwarf_tag(&die) != DW_TAG_compile_unit && dwarf_tag(&die) != DW_TAG_skeleton_unit) return;
  Unit unit;
  unit.lines = die;
  unit.bodies = bodies;
  unit.isCpp = isCppUnit(&bodies);
  units_.push_back(std::move(unit));
}

void DwarfIndex::indexFunctions(Unit* unit, Dwarf_Die* parent, int depth) {
  Dwarf_Die child;
  if (depth > kMaxDepth || dwarf_child(parent, &child) != 0) return;
  do {
    const int tag = dwarf_tag(&child);
    if (tag == DW_TAG_subprogram) {
      forEachRange(&child, [&](Dwarf_Addr low, Dwarf_Addr high) { unit->functions.add(low, high, child); });
    }
    if (mayHoldFunctions(tag)) indexFunctions(unit, &child, depth + 1);
  } while (dwarf_siblingof(&child, &child) == 0);
}

// From the function down to the innermost inlined call that holds the address.
void DwarfIndex::inlineChain(Dwarf_Die function, std::uint64_t address, std::vector<Dwarf_Die>* chain) const {
  chain->push_back(function);
  Dwarf_Die parent = function;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    Dwarf_Die child;
    if (dwarf_child(&parent, &child) != 0) return;
    bool found = false;
    do {
      const int tag = dwarf_tag(&child);
      if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) continue;
      if (dwarf_haspc(&child, address) != 1) continue;
      if (tag == DW_TAG_inlined_subroutine) chain->push_back(child);
      parent = child;
      found = true;
      break;
    } while (dwarf_siblingof(&child, &child) == 0);
    if (!found) return;
  }
}

const DwarfIndex::Name& DwarfIndex::nameOf(const Unit& unit, Dwarf_Die* die, const std::string& linkerName) {
  Dwarf_Die declaration = declarationOf(*die);
  auto [entry, isNew] = names_.try_emplace(declaration.addr);
  Name& name = entry->second;
  if (!isNew && !(name.systemName.empty() && !linkerName.empty())) return name;
  name.systemName = stringAttribute(die, DW_AT_linkage_name);
  if (name.systemName.empty()) name.systemName = stringAttribute(die, DW_AT_MIPS_linkage_name);
  // Only a mangled name of the symbol table says more than the declaration: a C function's may carry a
  // suffix.
  if (name.systemName.empty() && unit.isCpp && linkerName.rfind("_Z", 0) == 0) name.systemName = linkerName;
  name.startLine = numberAttribute(die, DW_AT_decl_line);
  if (!name.systemName.empty()) {
    name.name = demangle(name.systemName);
    return name;
  }
  const char* plain = dwarf_diename(die);
  name.name = plain == nullptr ? "" : plain;
  if (!name.name.empty() && unit.isCpp) name.name = readableName(scopeOf(declaration) + name.name);
  return name;
}

bool DwarfIndex::frames(std::uint64_t address, const std::string& linkerName, std::vector<Frame>* out) {
  const std::size_t* row = unitRanges_.find(address);
  if (row == nullptr) return false;
  Unit& unit = units_[*row];
  if (!unit.indexed) {
    indexFunctions(&unit, &unit.bodies, 0);
    unit.functions.seal();
    unit.indexed = true;
  }
  const Dwarf_Die* function = unit.functions.find(address);
  if (function == nullptr) return false;

  std::vector<Dwarf_Die> chain;
  inlineChain(*function, address, &chain);
  for (std::size_t i = chain.size(); i-- > 0;) {
    Frame frame;
    const Name& name = nameOf(unit, &chain[i], i == 0 ? linkerName : std::string());
    frame.name = !name.name.empty() ? name.name : demangle(linkerName);
    frame.systemName = !name.systemName.empty() ? name.systemName : frame.name;
    frame.startLine = name.startLine;
    if (frame.name.empty()) frame.name = frame.systemName = "(no name)";
    if (i + 1 == chain.size()) {
      lineOf(&unit.lines, address, &frame);
    } else {
      callSite(&unit.bodies, &chain[i + 1], &frame);
    }
    out->push_back(std::move(frame));
  }
  return true;
}

bool DwarfIndex::line(std::uint64_t address, Frame* out) {
  const std::size_t* row = unitRanges_.find(address);
  return row != nullptr && lineOf(&units_[*row].lines, address, out);
}

}  // namespace heapprof::symbols

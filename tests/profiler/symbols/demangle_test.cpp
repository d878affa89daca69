#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "profiler/symbols/symbolizer.h"

namespace heapprof::symbols {
namespace {

TEST(Demangle, LeavesNamesOfOtherLanguagesAlone) {
  for (const char* name :
       {"main", "zmalloc.part.0", "runtime.mallocgc", "_start", "_Zmain!", "", "_RNvC1a1b"}) {
    EXPECT_EQ(demangle(name), name);
  }
}

TEST(Demangle, CppLosesParametersAndReturnTypesOnly) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"_ZN3foo3barEi", "foo::bar"},
      {"_ZNK3foo3barEv", "foo::bar"},
      {"_Z3maxIiET_S0_S0_", "max<int>"},  // int max<int>(int, int)
      {"_ZN12_GLOBAL__N_13bazEv", "(anonymous namespace)::baz"},
      {"_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int>::push_back"},
      {"_ZlsRSoRK1A", "operator<<"},
      {"_ZN1AclEi", "A::operator()"},
      {"_ZN1AltERKS_", "A::operator<"},
      {"_ZN1AptEv", "A::operator->"},
      {"_ZN1AssERKS_", "A::operator<=>"},
      {"_Znwm", "operator new"},
      {"_ZdaPvm", "operator delete[]"},
      {"_ZN1AcvbEv", "A::operator bool"},
      {"_ZN1AD1Ev", "A::~A"},
      {"_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()"},
      {"_ZZN1A1fEiENKUlvE_clEv", "A::f::{lambda()#1}::operator()"},
      {"_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE9_M_createERmm",
       "std::basic_string<char>::_M_create"},
      {"_ZNSt13unordered_mapIiSt10unique_ptrI1SSt14default_deleteIS1_EESt4hashIiESt8equal_"
       "toIiESaISt4pairIKiS4_EEE5clearEv",
       "std::unordered_map<int, std::unique_ptr<S>>::clear"},
      {"_ZNSt16allocator_traitsISaIcEE8allocateERS0_m",
       "std::allocator_traits<std::allocator<char>>::allocate"},
      {"_ZN3foo3barEi.cold", "foo::bar"},
      {"_ZN3foo3barEi.constprop.0", "foo::bar"},
  };
  for (const auto& [mangled, wanted] : cases) EXPECT_EQ(demangle(mangled), wanted) << mangled;
}

TEST(Demangle, RustLosesItsHash) {
  EXPECT_EQ(demangle("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE"), "core::fmt::Write::write_fmt");
  EXPECT_EQ(
      demangle("_ZN79_$LT$std..path..Path$u20$as$u20$core..convert..AsRef$LT$std..path..Path$GT$$GT$6as_ref"
               "17h0123456789abcdefE"),
      "<std::path::Path as core::convert::AsRef<std::path::Path>>::as_ref");
}

TEST(Demangle, NamesThatNeverEndAreSurvived) {
  const std::string nested = "_Z" + std::string(5000, 'N');
  EXPECT_EQ(demangle(nested), nested);
}

struct Levels {
  const char *readable, *linker, *full, *noTemplates, *brief;
};

TEST(NameLevel, GivesMoreOrLessOfANameAndTheReadableOneByDefault) {
  const Levels cases[] = {
      {"std::vector<int>::push_back", "_ZNSt6vectorIiSaIiEE9push_backERKi",
       "std::vector<int, std::allocator<int> >::push_back(int const&)", "std::vector::push_back",
       "vector::push_back"},
      {"foo::bar", "_ZN3foo3barEi", "foo::bar(int)", "foo::bar", "foo::bar"},
      {"a::b::c::d", "_ZN1a1b1c1dEv", "a::b::c::d()", "a::b::c::d", "c::d"},
      {"A::operator<", "_ZN1AltERKS_", "A::operator<(A const&)", "A::operator<", "A::operator<"},
      {"A::operator->", "_ZN1AptEv", "A::operator->()", "A::operator->", "A::operator->"},
      {"operator<<", "_ZlsRSoRK1A", "operator<<(std::ostream&, A const&)", "operator<<", "operator<<"},
      {"(anonymous namespace)::baz", "_ZN12_GLOBAL__N_13bazEv", "(anonymous namespace)::baz()",
       "(anonymous namespace)::baz", "(anonymous namespace)::baz"},
      {"main::{lambda(int)#1}::operator()", "_ZZ4mainENKUliE_clEi",
       "main::{lambda(int)#1}::operator()(int) const", "main::{lambda(int)#1}::operator()",
       "{lambda(int)#1}::operator()"},
      // Not C++: as it is.
      {"runtime.mallocgc", "runtime.mallocgc", "runtime.mallocgc", "runtime.mallocgc", "runtime.mallocgc"},
      {"<unknown>", "", "<unknown>", "<unknown>", "<unknown>"},
      {"<T as core::Trait>::call<u8>", "", "<T as core::Trait>::call<u8>", "<T as core::Trait>::call",
       "<T as core::Trait>::call"},
      {"odd<name", "", "odd<name", "odd<name", "odd<name"},
  };
  for (const Levels& one : cases) {
    SCOPED_TRACE(one.readable);
    EXPECT_EQ(nameAt(NameLevel::kReadable, one.readable, one.linker), one.readable);
    EXPECT_EQ(nameAt(NameLevel::kFull, one.readable, one.linker), one.full);
    EXPECT_EQ(nameAt(NameLevel::kNoTemplates, one.readable, one.linker), one.noTemplates);
    EXPECT_EQ(nameAt(NameLevel::kShort, one.readable, one.linker), one.brief);
    EXPECT_EQ(nameAt(NameLevel::kLinker, one.readable, one.linker),
              *one.linker != 0 ? one.linker : one.readable);
  }
}

TEST(NameLevel, RenamesAProfilesFunctionsAndLeavesTheRest) {
  formats::ProfileColumns profile;
  profile.strings = {"", "std::vector<int>::push_back", "_ZNSt6vectorIiSaIiEE9push_backERKi", "main"};
  profile.functions.id = {1, 2};
  profile.functions.name = {1, 3};
  profile.functions.systemName = {2, 3};
  profile.functions.file = {0, 0};
  profile.functions.startLine = {0, 0};
  rename(&profile, NameLevel::kNoTemplates);
  EXPECT_EQ(profile.strings[profile.functions.name[0]], "std::vector::push_back");
  EXPECT_EQ(profile.functions.systemName[0], 2u);
  EXPECT_EQ(profile.functions.name[1], 3u);
}

}  // namespace
}  // namespace heapprof::symbols

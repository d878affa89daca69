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

}  // namespace
}  // namespace heapprof::symbols

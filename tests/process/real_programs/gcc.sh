#!/usr/bin/env bash
# g++ compiling a large C++ file, compiler proper included: the object file is the same.
. "$(dirname "$0")/../lib.sh"

{
  echo '#include <algorithm>'
  for header in functional iostream map memory random regex set sstream string tuple unordered_map variant vector; do
    echo "#include <$header>"
  done
  for i in $(seq 1 60); do
    echo "template <int N> struct S$i { std::map<std::string, std::vector<int>> m; int f(int x) { m[std::to_string(x)].push_back(N); return static_cast<int>(m.size()); } };"
    echo "int f$i(int x) { S$i<$i> s; std::vector<int> v{3, 1, 2, x}; std::sort(v.begin(), v.end(), [](int a, int b) { return a * $i < b * $i; }); return s.f(v[0]) + s.f(x); }"
  done
} >"$scratch/large.cpp"
cd "$scratch"
g++ -O1 -frandom-seed=1 -c large.cpp -o without.o
"${with_library[@]}" g++ -O1 -frandom-seed=1 -c large.cpp -o with.o || fail "g++ ended with $?"
same g++ without.o with.o
sampled cc1plus
echo "gcc: object files of $(stat -c %s with.o) bytes the same"

#!/usr/bin/env bash
# libheapprof.so exports only the malloc family, the C++ operators, dlopen (entry/dlopen.cpp says why) and heapprof_*; needs
# only libc's own libraries; binds no GLIBC version above 2.34.
. "$(dirname "$0")/../lib.sh"

allowed='^(malloc|calloc|realloc|reallocarray|free|cfree|posix_memalign|aligned_alloc|memalign|valloc|pvalloc'
allowed+='|malloc_usable_size|malloc_trim|mallinfo|mallinfo2|mallopt|malloc_info|malloc_stats|free_sized|free_aligned_sized'
allowed+='|_Zn[wa]m.*|_Zd[la]Pv.*|dlopen|heapprof_[a-z_]+)$'
nm -D --defined-only --format=posix "$HEAPPROF_LIBRARY" | awk '$2 != "A" { print $1 }' | sed 's/@.*//' >"$scratch/exports"
if grep -vE "$allowed" "$scratch/exports"; then fail "exports the above, which it may not"; fi
for name in malloc free calloc realloc posix_memalign aligned_alloc malloc_usable_size _Znwm _ZdlPv \
  _ZnwmSt11align_val_tRKSt9nothrow_t _ZdlPvmSt11align_val_t heapprof_dump; do
  grep -qx "$name" "$scratch/exports" || fail "does not export $name"
done

needed=$(readelf -d "$HEAPPROF_LIBRARY" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
for library in $needed; do
  case "$library" in
    libc.so.6 | libpthread.so.0 | libm.so.6 | ld-linux-x86-64.so.2 | ld-linux-aarch64.so.1) ;;
    *) fail "needs $library" ;;
  esac
done

newest=$(objdump -T "$HEAPPROF_LIBRARY" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -Vu | tail -n 1)
[ "$(printf '%s\n2.34\n' "$newest" | sort -V | tail -n 1)" = 2.34 ] || fail "binds GLIBC_$newest: $(objdump -T "$HEAPPROF_LIBRARY" | grep "GLIBC_$newest")"
echo "exports $(wc -l <"$scratch/exports") names; needs $(echo $needed); newest symbol version GLIBC_$newest"
echo "above 2.28: $(objdump -T "$HEAPPROF_LIBRARY" | awk '/GLIBC_2\.(29|3[0-9])/ { print $NF "@" $(NF-1) }' | tr '\n' ' ')"

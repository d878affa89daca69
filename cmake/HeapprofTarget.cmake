# One place for what every target of ours shares: the language, the warnings, the include root, the sanitizers.
# Includes are written from the repository root ("formats/wire/writer.h"), so a path says its layer.
include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(HEAPPROF_CCACHE ccache)
if(HEAPPROF_CCACHE)
  # ccache leaves precompiled headers alone unless it is told that what it cannot see in them does not matter.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${HEAPPROF_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${HEAPPROF_CCACHE})
endif()

# Other people's headers that most sources read: half of the time that compiling a source of the profiler takes. Sources include
# what they use all the same.
set(HEAPPROF_COMMON_HEADERS
  <algorithm> <cmath> <cstdint> <cstdlib> <functional> <map> <memory> <string> <utility> <vector>
  <absl/container/flat_hash_map.h> <absl/status/statusor.h> <absl/strings/match.h> <absl/strings/str_cat.h>
  <absl/strings/str_format.h> <absl/strings/str_join.h> <absl/strings/str_split.h> <absl/strings/string_view.h>)

set(HEAPPROF_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wshadow)

# heapprof_target(NAME [NO_SANITIZE]): house warnings, the repository root as include root, sanitizers where set.
function(heapprof_target name)
  cmake_parse_arguments(ARG "NO_SANITIZE" "" "" ${ARGN})
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${HEAPPROF_WARNINGS}>)
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  if(HEAPPROF_SANITIZE AND NOT ARG_NO_SANITIZE)
    target_compile_options(${name} PRIVATE -fsanitize=${HEAPPROF_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${name} PUBLIC -fsanitize=${HEAPPROF_SANITIZE})
  endif()
endfunction()

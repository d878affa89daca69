// Reads the text heap profiles of jemalloc and of gperftools (tcmalloc) into the same columns as a dump.
//
//   jemalloc      "heap_v2/" interval                       gperftools   "heap profile:" counts "@" kind ["/"
//   interval]
//                 { "  t" id ":" counts [name] }                         { counts "@" address... }
//                 { "@" address... { "  t" id ":" counts } }             "MAPPED_LIBRARIES:" { line of
//                 /proc/PID/maps } "MAPPED_LIBRARIES:" { line of /proc/PID/maps }
//   counts = objects ":" bytes "[" objects ":" bytes "]"    live, then allocated; id = "*" or a number
//
// Invariant: totals are jeprof's: each record is unbiased by itself (unbias.h), then rounded so that no total
// drifts. jemalloc's t* row is the stack's figure; its threads' rows share it out, as samples with the label
// "thread". With ReadOptions::thread only that thread's rows are read, each unbiased by itself, as
// `jeprof --thread` does. Errors are one line with offset and line number. Thread-safe: no shared state.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "formats/pprof/message_window.h"
#include "formats/pprof/profile_columns.h"

namespace heapprof::formats {

bool isTextHeap(absl::string_view head);  // by the first bytes of the unpacked file

absl::Status readTextHeap(MessageWindow& window, const std::string& name, std::uint64_t memoryBudget,
                          const std::string& thread, ProfileColumns* out);

}  // namespace heapprof::formats

// `info` for a person: one block a group.
#pragma once

#include <string>

#include "profiler/model/table.h"

namespace heapprof::report {

std::string infoText(const model::Table& info);

}  // namespace heapprof::report

#include "formats/pprof/id_table.h"

#include <algorithm>

namespace heapprof::formats {

IdTable::Token IdTable::largeToken(std::uint64_t id) {
  const auto [found, isNew] = largeTokens_.try_emplace(id, static_cast<Token>(kFirstLarge + large_.size()));
  if (isNew) {
    large_.push_back(id);
  }
  return found->second;
}

Row IdTable::define(const std::vector<std::uint64_t>& ids) {
  const std::uint64_t denseLimit = 4 * static_cast<std::uint64_t>(ids.size()) + 1024;
  std::uint64_t last = 0;
  for (const std::uint64_t id : ids) {
    last = id < denseLimit ? std::max(last, id) : last;
  }
  dense_.assign(static_cast<std::size_t>(last + 1), kNoRow);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Row row = static_cast<Row>(i);
    const Token token = this->token(ids[i]);
    if (token < dense_.size()) {
      if (dense_[token] != kNoRow) {
        return row;
      }
      dense_[token] = row;
    } else if (!sparse_.try_emplace(token, row).second) {
      return row;
    }
  }
  return kNoRow;
}

}  // namespace heapprof::formats

// From a file's ids to rows. References may come before what they name, so a reference is kept as a 32-bit
// token during the scan and becomes a row afterwards, in place.
//
//   token < 2^31: the id itself          token >= 2^31: the (token - 2^31)th large id met
// Invariant: one id has one token. Dense ids (ours, Go's) cost one vector; wild ones a hash map, bounded by
// the number of ids in the file. One read; one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "formats/pprof/profile_columns.h"

namespace heapprof::formats {

class IdTable {
 public:
  using Token = std::uint32_t;

  Token token(std::uint64_t id) { return id < kFirstLarge ? static_cast<Token>(id) : largeToken(id); }
  std::uint64_t idOf(Token token) const { return token < kFirstLarge ? token : large_[token - kFirstLarge]; }

  // What large ids cost, about: the hash slot and the list.
  std::uint64_t largeBytes() const { return 48 * static_cast<std::uint64_t>(large_.size()); }

  // Takes the ids of all rows. Gives the first row whose id an earlier row has, or kNoRow.
  Row define(const std::vector<std::uint64_t>& ids);

  // kNoRow: nothing has this id. After define().
  Row rowOf(Token token) const {
    if (token < dense_.size()) {
      return dense_[token];
    }
    const auto found = sparse_.find(token);
    return found == sparse_.end() ? kNoRow : found->second;
  }

  Row rowOfId(std::uint64_t id) const {
    if (id < kFirstLarge) {
      return rowOf(static_cast<Token>(id));
    }
    const auto large = largeTokens_.find(id);
    return large == largeTokens_.end() ? kNoRow : rowOf(large->second);
  }

 private:
  static constexpr std::uint32_t kFirstLarge = 1u << 31;
  Token largeToken(std::uint64_t id);
  std::vector<std::uint64_t> large_;
  absl::flat_hash_map<std::uint64_t, Token> largeTokens_;
  std::vector<Row> dense_;
  absl::flat_hash_map<Token, Row> sparse_;
};

}  // namespace heapprof::formats

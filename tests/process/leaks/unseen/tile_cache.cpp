// TRUTH: none
//
// A tile server's LRU cache with a limit of 20 MiB of payload. What is asked for changes every 0.9 s or so:
// the map region moves, and with it the share of vector tiles (2 to 12 KiB, decode_vector) and raster tiles
// (16 to 64 KiB, decode_raster), so that the two functions take memory from each other, up and down. The
// cache is full within the first half second, before the first dump, and stays full. Nothing leaks: whatever
// leaves the list is freed.
#include <cstdint>
#include <list>
#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

#include "pace.h"

using Tile = std::shared_ptr<std::vector<uint8_t>>;

class TileCache {
 public:
  explicit TileCache(size_t limit) : limit_(limit) {}
  Tile find(uint64_t key) {
    auto it = map_.find(key);
    if (it == map_.end()) return nullptr;
    order_.splice(order_.begin(), order_, it->second);
    return it->second->second;
  }
  void insert(uint64_t key, Tile tile) {
    bytes_ += tile->size();
    order_.emplace_front(key, std::move(tile));
    map_[key] = order_.begin();
    while (bytes_ > limit_) {
      bytes_ -= order_.back().second->size();
      map_.erase(order_.back().first);
      order_.pop_back();
    }
  }

 private:
  size_t limit_, bytes_ = 0;
  std::list<std::pair<uint64_t, Tile>> order_;
  std::unordered_map<uint64_t, std::list<std::pair<uint64_t, Tile>>::iterator> map_;
};

[[gnu::noinline]] static Tile decode_vector(std::mt19937& random) {
  Tile tile = std::make_shared<std::vector<uint8_t>>(2048 + random() % 10240, uint8_t(1));
  (*tile)[0] = uint8_t(random());
  return tile;
}

[[gnu::noinline]] static Tile decode_raster(std::mt19937& random) {
  Tile tile = std::make_shared<std::vector<uint8_t>>(16384 + random() % 49152, uint8_t(2));
  (*tile)[0] = uint8_t(random());
  return tile;
}

int main() {
  std::mt19937 random(77);
  TileCache cache(20u << 20);
  Ticker ticker(200, 200, 8);
  uint64_t region = 0, sum = 0;
  unsigned vector_share = 60;
  int next_move = 0;
  while (ticker.run()) {
    if (ticker.tick() >= next_move) {
      next_move = ticker.tick() + 140 + int(random() % 80);
      region += 1500;  // overlaps with the former: a region is 4000 keys wide
      vector_share = 25 + random() % 70;
    }
    for (int i = 0; i < 20; ++i) {
      bool is_vector = random() % 100 < vector_share;
      uint64_t key = (region + random() % 4000) * 2 + is_vector;
      Tile tile = cache.find(key);
      if (!tile) {
        tile = is_vector ? decode_vector(random) : decode_raster(random);
        cache.insert(key, tile);
      }
      sum += (*tile)[0];
    }
  }
  return sum == 0;
}

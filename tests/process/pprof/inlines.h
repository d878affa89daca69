// Small functions in a second file that are inlined into their callers, so that one address has several
// frames.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace shop {

struct Order {
  std::string customer;
  std::vector<int> items;
};

[[gnu::always_inline]] inline std::string nameOf(int number) {
  return std::string(40, static_cast<char>('a' + number % 26)) + std::to_string(number);
}

template <typename T>
[[gnu::always_inline]] inline std::unique_ptr<T> makeOne(int number) {
  auto made = std::make_unique<T>();
  made->customer = nameOf(number);
  made->items.resize(static_cast<std::size_t>(number % 200));
  return made;
}

}  // namespace shop

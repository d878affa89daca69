// A program whose stacks hold inlined frames, templates, lambdas and recursion, for the comparison with
// pprof. Dumps to the path in its argument: once after a third of the work, and by HEAPPROF at exit.
#include "tests/process/pprof/inlines.h"

#include <cstdio>
#include <functional>
#include <map>

#include "heapprof/heapprof.h"

#pragma weak heapprof_dump

namespace {

struct Tree {
  std::unique_ptr<Tree> left, right;
  char payload[200];
};

std::unique_ptr<Tree> grow(int depth) {
  auto node = std::make_unique<Tree>();
  if (depth > 0) {
    node->left = grow(depth - 1);
    node->right = grow(depth - 1);
  }
  return node;
}

class Shop {
 public:
  void take(int number) { orders_.push_back(shop::makeOne<shop::Order>(number)); }
  void index() {
    const std::function<void(const shop::Order&)> add = [this](const shop::Order& order) {
      byCustomer_[order.customer] += order.items.size();
    };
    for (const auto& order : orders_) add(*order);
  }
  void forget(std::size_t every) {
    for (std::size_t i = 0; i < orders_.size(); i += every) orders_[i].reset();
  }

 private:
  std::vector<std::unique_ptr<shop::Order>> orders_;
  std::map<std::string, std::size_t> byCustomer_;
};

}  // namespace

int main(int argc, char** argv) {
  static Shop shop;
  static std::unique_ptr<Tree> trees[4];
  for (int i = 0; i < 10000; ++i) shop.take(i);
  shop.index();
  trees[0] = grow(11);
  if (argc > 1 && (heapprof_dump == nullptr || heapprof_dump(argv[1]) != 0)) return 3;
  for (int i = 10000; i < 30000; ++i) shop.take(i);
  shop.forget(3);
  for (int i = 1; i < 4; ++i) trees[i] = grow(11 + i % 2);
  trees[0].reset();
  // Left as it is: the dump at exit finds it live.
  std::_Exit(heapprof_dump == nullptr ? 0 : heapprof_dump(argc > 2 ? argv[2] : nullptr));
}

#include "profiler/analysis/class_fit.h"

#include <algorithm>
#include <limits>

namespace heapprof::analysis {
namespace {

class Fitter {
 public:
  Fitter(const std::vector<SizeBin>& bins, std::size_t classes)
      : bins_(bins), below_(bins.size() + 1, 0), before_(bins.size() + 1), now_(bins.size() + 1) {
    for (std::size_t i = 0; i < bins.size(); ++i) below_[i + 1] = below_[i] + bins[i].objects;
    from_.assign(classes, std::vector<std::uint32_t>(bins.size() + 1, 0));
  }

  std::vector<std::uint64_t> run() {
    const std::size_t n = bins_.size();
    std::fill(before_.begin(), before_.end(), std::numeric_limits<double>::infinity());
    before_[0] = 0;
    for (std::size_t k = 0; k < from_.size(); ++k) {
      now_[0] = 0;  // fewer classes than allowed is never worse
      fill(k, 1, n, 0, n - 1);
      std::swap(before_, now_);
    }
    std::vector<std::uint64_t> sizes;
    std::size_t end = n;
    for (std::size_t k = from_.size(); k > 0 && end > 0; --k) {
      sizes.push_back(bins_[end - 1].size);
      end = from_[k - 1][end];
    }
    std::reverse(sizes.begin(), sizes.end());
    return sizes;
  }

 private:
  // Bins [i, j) in one class.
  double cost(std::size_t i, std::size_t j) const {
    return static_cast<double>(bins_[j - 1].size) * (below_[j] - below_[i]);
  }

  // now_[low..high], whose best starts lie within [first, last].
  void fill(std::size_t k, std::size_t low, std::size_t high, std::size_t first, std::size_t last) {
    if (low > high) return;
    const std::size_t middle = low + (high - low) / 2;
    double best = std::numeric_limits<double>::infinity();
    std::size_t at = first;
    for (std::size_t i = first; i <= std::min(last, middle - 1); ++i) {
      const double total = before_[i] + cost(i, middle);
      if (total < best) best = total, at = i;
    }
    now_[middle] = best;
    from_[k][middle] = static_cast<std::uint32_t>(at);
    fill(k, low, middle - 1, first, at);
    fill(k, middle + 1, high, at, last);
  }

  const std::vector<SizeBin>& bins_;
  std::vector<double> below_, before_, now_;
  std::vector<std::vector<std::uint32_t>> from_;
};

}  // namespace

std::vector<std::uint64_t> fitClasses(const std::vector<SizeBin>& bins, std::size_t classes) {
  if (bins.empty() || classes == 0) return {};
  return Fitter(bins, std::min(classes, bins.size())).run();
}

double slotBytes(const std::vector<SizeBin>& bins, const std::vector<std::uint64_t>& classes) {
  double bytes = 0;
  for (const SizeBin& bin : bins) {
    auto at = std::lower_bound(classes.begin(), classes.end(), bin.size);
    bytes += bin.objects * static_cast<double>(at == classes.end() ? bin.size : *at);
  }
  return bytes;
}

}  // namespace heapprof::analysis

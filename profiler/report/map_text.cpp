#include "profiler/report/map_text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "profiler/model/units.h"
#include "profiler/report/text.h"
#include "profiler/report/xml.h"

namespace heapprof::report {
namespace {

constexpr std::uint64_t kTextColumns = 64, kSvgColumns = 512;
constexpr int kSquare = 3;                // of the SVG
constexpr char kShades[] = " .:-=+*#%@";  // ten: a tenth of a page each, but nothing at all is blank
constexpr char kKernelLetters[] = "?.sHm";
// Viridis, dark to bright: read the same by all eyes, and in grey.
constexpr const char* kColours[] = {"#440154", "#482878", "#3e4989", "#31688e", "#26828e",
                                    "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"};
constexpr const char* kKernelColours[] = {"#cccccc", "#440154", "#31688e", "#fde725", "#35b779"};

struct Shade {
  char letter;
  const char* colour;
};

// Nothing is blank, anything at all is seen.
Shade shadeOf(float share) {
  if (std::isnan(share)) return {'?', "#cccccc"};
  if (share <= 0) return {' ', "#f4f4f4"};
  const int level = std::clamp(static_cast<int>(std::ceil(static_cast<double>(share) * 9)), 1, 9);
  return {kShades[level], kColours[level]};
}

Shade changeShade(float change) {
  if (std::isnan(change)) return {'?', "#cccccc"};
  if (change > 0) return {'+', change > 0.5F ? "#e66101" : "#fdb863"};
  if (change < 0) return {'-', change < -0.5F ? "#2166ac" : "#92c5de"};
  return {'=', "#f4f4f4"};
}

Shade shadeAt(const MapView& view, std::size_t i) {
  const analysis::HeapMap& map = *view.map;
  switch (view.colour) {
    case MapColour::kLive:
      return shadeOf(map.liveFraction[i]);
    case MapColour::kUsed:
      return shadeOf(map.usedFraction[i]);
    case MapColour::kResident:
      return shadeOf(map.residentFraction[i]);
    case MapColour::kChange:
      return changeShade(map.changeFraction[i]);
    case MapColour::kKernel:
      break;
  }
  const std::size_t state = map.kernelState[i] < std::size(kKernelColours) ? map.kernelState[i] : 0;
  return {kKernelLetters[state], kKernelColours[state]};
}

const char* legend(MapColour colour) {
  switch (colour) {
    case MapColour::kLive:
      return "how full of live objects, from blank (none) over . : - = + * # % to @ (full), ? unknown";
    case MapColour::kUsed:
      return "granules in use, from blank (none) over . : - = + * # % to @ (all), ? unknown";
    case MapColour::kResident:
      return "resident, from blank (nothing) over . : - = + * # % to @ (all), ? unknown";
    case MapColour::kKernel:
      return "how the kernel maps it: H one huge page, m part huge, s small pages, . nothing, ? unknown";
    case MapColour::kChange:
      return "live bytes against the base: + more, - less, = the same, ? unknown";
  }
  return "";
}

std::string raster(const MapView& view) {
  const analysis::HeapMap& map = *view.map;
  std::string out, line;
  std::uint64_t row = 0, next = 0;
  const auto flush = [&] {
    while (!line.empty() && line.back() == ' ') line.pop_back();
    absl::StrAppendFormat(&out, "  %012x |%s\n", map.regionStart + row * kTextColumns * map.placementBytes,
                          line);
    line.clear();
  };
  for (std::size_t i = 0; i < map.index.size(); ++i) {
    const std::uint64_t wanted = map.index[i] / kTextColumns;
    if (i > 0 && wanted != row) {
      flush();
      next = row + 1;
      if (wanted > next) absl::StrAppend(&out, "      ... ", wanted - next, " rows without a page\n");
    }
    row = wanted;
    line.resize(static_cast<std::size_t>(map.index[i] % kTextColumns), ' ');
    line += shadeAt(view, i).letter;
  }
  if (!map.index.empty()) flush();
  return out;
}

}  // namespace

std::string mapText(const MapView& view) {
  const analysis::HeapMap& map = *view.map;
  return absl::StrCat(view.snapshot->path(), ": ", map.index.size(),
                      map.index.size() == 1 ? " huge page of " : " huge pages of ",
                      model::bytesText(static_cast<double>(map.placementBytes)), "\n\n",
                      tableText(view.tables->kinds), "\nEach character is a huge page, a row ",
                      model::bytesText(static_cast<double>(kTextColumns * map.placementBytes)), ": ",
                      legend(view.colour), "\n", raster(view));
}

std::string mapSvg(const MapView& view) {
  const analysis::HeapMap& map = *view.map;
  std::string cells;
  std::uint64_t y = 0, last = 0;
  for (std::size_t i = 0; i < map.index.size();) {
    const std::uint64_t row = map.index[i] / kSvgColumns, column = map.index[i] % kSvgColumns;
    if (i > 0 && row != last) y += row - last > 1 ? 2 : 1;  // a gap is one empty row, however long
    last = row;
    const Shade shade = shadeAt(view, i);
    std::size_t end = i + 1;  // neighbours of one colour are one rectangle
    while (end < map.index.size() && map.index[end] == map.index[i] + (end - i) &&
           map.index[end] / kSvgColumns == row && shadeAt(view, end).colour == shade.colour) {
      ++end;
    }
    absl::StrAppendFormat(
        &cells,
        "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"><title>0x%x, %d</title></rect>\n",
        column * kSquare, 40 + y * kSquare, (end - i) * kSquare, kSquare, shade.colour,
        map.regionStart + map.index[i] * map.placementBytes, end - i);
    i = end;
  }
  return absl::StrFormat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
      "height=\"%d\" font-family=\"sans-serif\" font-size=\"12\" shape-rendering=\"crispEdges\">\n"
      "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n<text x=\"4\" y=\"16\">%s: "
      "%d huge "
      "pages of %s</text>\n<text x=\"4\" y=\"32\">A square is one, a row %s: %s</text>\n%s</svg>\n",
      kSvgColumns * kSquare, 44 + (y + 1) * kSquare, xmlEscaped(view.snapshot->path()),
      xmlEscaped(view.snapshot->path()), map.index.size(),
      model::bytesText(static_cast<double>(map.placementBytes)),
      model::bytesText(static_cast<double>(kSvgColumns * map.placementBytes)),
      xmlEscaped(legend(view.colour)), cells);
}

}  // namespace heapprof::report

#include "profiler/report/flame.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "profiler/analysis/flame_layout.h"
#include "profiler/model/units.h"
#include "profiler/report/cells.h"
#include "profiler/report/flame_script.h"
#include "profiler/report/xml.h"

namespace heapprof::report {
namespace {

using Node = analysis::CallTree::Node;

constexpr int kRow = 18;  // a frame's height
constexpr char kSvgNamespace[] = "http://www.w3.org/2000/svg";

constexpr char kStyle[] = R"(
.f { cursor: pointer; } .f rect { stroke: #fff; stroke-width: .5; }
.f text, .s { font: 12px ui-monospace, monospace; fill: #111; pointer-events: none; }
.f:hover rect { stroke: #000; stroke-width: 2; } .below rect { opacity: .45; }
.hit rect { fill: #6a3d9a; } .hit text { fill: #fff; }
.b { cursor: pointer; font: 12px sans-serif; fill: #0b62b3; text-decoration: underline; }
)";
constexpr char kPageStyle[] = R"(
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1em 1.5em; }
h1 { font-size: 1.2em; } p { margin: .4em 0; } #said { min-height: 1.5em; overflow-wrap: anywhere; }
input { width: 22em; }
)";

// A colour a library, soft enough for black letters; which one says nothing but "the same".
constexpr const char* kModuleColours[] = {"#f5c9a8", "#cfe0b4", "#bcd7ea", "#f3dfa2",
                                          "#dccbe6", "#c9dfd8", "#f0c6cd", "#d9d4c5"};

struct Picture {
  const analysis::CallTree& tree;
  const FlameView& view;
  analysis::FlameLayout layout;
};

std::string figure(const analysis::CallTree& tree, double value, bool plus = false) {
  if (analysis::unitOf(tree.unit) == model::Unit::kBytes) return model::bytesText(value, plus);
  return absl::StrCat(plus && value > 0 ? "+" : "", model::countText(value));
}

// "+1.5MB, +20%", "-3kB, GONE", "+3kB, NEW", "0".
std::string changeText(const analysis::CallTree& tree, const Node& node) {
  const double change = node.total - node.baseTotal;
  if (change == 0) return "0";
  const std::string by = figure(tree, change, true);
  if (node.baseTotal == 0) return absl::StrCat(by, ", NEW");
  if (node.total == 0) return absl::StrCat(by, ", GONE");
  return absl::StrFormat("%s, %+.1f%%", by, 100 * change / std::fabs(node.baseTotal));
}

std::string nameOf(const analysis::CallTree& tree, std::uint32_t index) {
  return index == 0 ? "all" : tree.names[tree.nodes[index].name];
}

std::string titleOf(const Picture& picture, const analysis::FlameLayout::Box& box) {
  const analysis::CallTree& tree = picture.tree;
  const Node& node = tree.nodes[box.node];
  std::string text = nameOf(tree, box.node);
  if (tree.hasBaseline) {
    absl::StrAppend(&text, "\n", changeText(tree, node), "\n", figure(tree, node.baseTotal), " before, ",
                    figure(tree, node.total), " now");
  } else {
    absl::StrAppendFormat(&text, "\n%s, %.2f%% of all, %s of it in no frame above", figure(tree, node.total),
                          box.width * 100, figure(tree, node.self));
  }
  const std::string& module = tree.modules[node.module];
  return module.empty() ? text : absl::StrCat(text, "\n", module);
}

// Between white and full orange or blue by the share of the frame that changed.
std::string changeColour(const Node& node) {
  const double larger = std::max(std::fabs(node.total), std::fabs(node.baseTotal));
  const double share = larger == 0 ? 0 : std::clamp((node.total - node.baseTotal) / larger, -1.0, 1.0);
  const int full[3] = {share > 0 ? 0xf0 : 0x5a, share > 0 ? 0x8a : 0xa5, share > 0 ? 0x2c : 0xe6};
  const double strength = share == 0 ? 0 : 0.15 + 0.85 * std::fabs(share);
  int mixed[3];
  for (int i = 0; i < 3; ++i) mixed[i] = static_cast<int>(0xf2 + (full[i] - 0xf2) * strength);
  return absl::StrFormat("#%02x%02x%02x", mixed[0], mixed[1], mixed[2]);
}

std::string colourOf(const analysis::CallTree& tree, const Node& node) {
  if (tree.hasBaseline) return changeColour(node);
  return node.module == 0 ? "#e4e4e4" : kModuleColours[(node.module - 1) % std::size(kModuleColours)];
}

void appendFrame(const Picture& picture, const analysis::FlameLayout::Box& box, int top, std::string* out) {
  const analysis::CallTree& tree = picture.tree;
  const Node& node = tree.nodes[box.node];
  const std::string name = xmlEscaped(nameOf(tree, box.node));
  std::string shown = name;
  if (tree.hasBaseline) shown = absl::StrCat(xmlEscaped(changeText(tree, node)), "  ", name);
  absl::StrAppendFormat(out, "<svg class=\"f\" x=\"%.6f%%\" y=\"%d\" width=\"%.6f%%\" height=\"%d\"",
                        box.left * 100, top, box.width * 100, kRow);
  absl::StrAppend(out, " data-d=\"", node.depth, "\" data-v=\"", exactNumber(node.total), "\"");
  if (tree.hasBaseline) absl::StrAppend(out, " data-b=\"", exactNumber(node.baseTotal), "\"");
  absl::StrAppend(out, " data-n=\"", name, "\"><title>", xmlEscaped(titleOf(picture, box)),
                  "</title><rect width=\"100%\" height=\"100%\" rx=\"1\" fill=\"", colourOf(tree, node),
                  "\"/>");
  // Less than a letter fits: the title names it.
  if (box.width > 0.004) absl::StrAppend(out, "<text x=\"3\" y=\"13\">", shown, "</text>");
  absl::StrAppend(out, "</svg>\n");
}

std::string legend(const Picture& picture) {
  const analysis::CallTree& tree = picture.tree;
  std::string text;
  if (tree.hasBaseline) {
    text = absl::StrCat("Orange and + grew, blue and - shrank; a frame is as wide as the larger of before (",
                        figure(tree, tree.nodes[0].baseTotal), " in all) and now (",
                        figure(tree, tree.nodes[0].total), "). ");
  } else {
    text = absl::StrCat("Colours tell libraries apart; ", figure(tree, tree.nodes[0].total), " in all. ");
  }
  absl::StrAppendFormat(&text, "Frames narrower than %.3g%% are not drawn: %d of %d, together %.2g%%.",
                        picture.view.leastWidth * 100, picture.layout.droppedFrames, tree.nodes.size(),
                        picture.layout.droppedShare * 100);
  return text;
}

// The frames from `top` on; gives the height of the whole.
int appendFrames(const Picture& picture, int top, std::string* out) {
  const int deepest = static_cast<int>(picture.layout.depth);
  for (const analysis::FlameLayout::Box& box : picture.layout.boxes) {
    const int depth = static_cast<int>(picture.tree.nodes[box.node].depth);
    appendFrame(picture, box, top + kRow * (picture.view.rootBelow ? deepest - depth : depth), out);
  }
  return top + kRow * (deepest + 1);
}

Picture pictureOf(const analysis::CallTree& tree, const FlameView& view) {
  return {tree, view, analysis::flameLayout(tree, view.leastWidth)};
}

}  // namespace

std::string flameSvg(const analysis::CallTree& tree, const FlameView& view) {
  const Picture picture = pictureOf(tree, view);
  std::string frames;
  const int height = appendFrames(picture, 64, &frames);
  return absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"", kSvgNamespace,
      "\" width=\"100%\" height=\"", height, "\"><title>", xmlEscaped(view.title), "</title>\n<style>",
      kStyle,
      "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text class=\"s\" x=\"3\" y=\"14\">",
      xmlEscaped(view.title), "</text>\n<text class=\"s\" x=\"3\" y=\"30\">", xmlEscaped(legend(picture)),
      "</text>\n<text class=\"b\" id=\"find\" x=\"3\" y=\"46\">search</text><text class=\"b\" id=\"reset\" "
      "x=\"60\" y=\"46\">reset</text><text class=\"s\" id=\"said\" x=\"3\" y=\"60\"> </text>\n",
      frames, "<script><![CDATA[", kFlameScript, "]]></script>\n</svg>\n");
}

std::string flameHtml(const analysis::CallTree& tree, const FlameView& view) {
  const Picture picture = pictureOf(tree, view);
  std::string frames;
  const int height = appendFrames(picture, 0, &frames);
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n<meta "
      "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline'\"/>\n<title>",
      xmlEscaped(view.title), "</title>\n<style>", kPageStyle, kStyle, "</style></head>\n<body>\n<h1>",
      xmlEscaped(view.title), "</h1>\n<p>", xmlEscaped(legend(picture)),
      "</p>\n<p><input id=\"pattern\" type=\"search\" placeholder=\"search: a regular expression  ( / )\"/> "
      "<button id=\"find\">Search</button> <button id=\"reset\">Reset (Esc)</button></p>\n<p id=\"said\"> "
      "</p>\n<svg xmlns=\"",
      kSvgNamespace, "\" width=\"100%\" height=\"", height, "\">\n", frames, "</svg>\n<script>//<![CDATA[",
      kFlameScript, "//]]></script>\n</body></html>\n");
}

}  // namespace heapprof::report

// What a flame graph does in a browser: zoom, search, reset, and the frame under the pointer in one line. The
// same for the SVG alone and for the page. Invariant: no request, no storage, no markup made from names;
// reads what the frames' attributes say and changes only their place and class.
#pragma once

namespace heapprof::report {

inline constexpr char kFlameScript[] = R"js(
(function () {
  "use strict";
  var doc = document, zoomed = null, pattern = "";
  var frames = Array.prototype.map.call(doc.querySelectorAll("svg.f"), function (element) {
    return { element: element, left: parseFloat(element.getAttribute("x")),
             width: parseFloat(element.getAttribute("width")), depth: +element.getAttribute("data-d"),
             name: element.getAttribute("data-n") };
  });
  function byId(id) { return doc.getElementById(id); }
  function say(text) { byId("said").textContent = text; }
  function place(frame, left, width) {
    var hidden = left >= 99.99 || left + width <= 0.01;
    frame.element.style.display = hidden ? "none" : "";
    frame.element.setAttribute("x", left.toFixed(6) + "%");
    frame.element.setAttribute("width", width.toFixed(6) + "%");
  }
  function zoom(to) {
    zoomed = to;
    frames.forEach(function (frame) {
      var below = frame.depth < to.depth && frame.left <= to.left + 1e-5 &&
                  frame.left + frame.width >= to.left + to.width - 1e-5;
      frame.element.classList.toggle("below", below);
      if (below) place(frame, 0, 100);
      else if (frame.depth < to.depth) place(frame, 100, 0);
      else place(frame, (frame.left - to.left) / to.width * 100, frame.width / to.width * 100);
    });
  }
  function search(text) {
    var expression = null, right = -1, share = 0, count = 0;
    pattern = text;
    try { expression = text && new RegExp(text, "i"); }
    catch (wrong) { expression = new RegExp(text.replace(/[^\w\s]/g, "\\$&"), "i"); }
    var found = frames.filter(function (frame) {
      var hit = frame.depth > 0 && !!expression && expression.test(frame.name);
      frame.element.classList.toggle("hit", hit);
      return hit;
    });
    // A match within a match is counted once.
    found.sort(function (a, b) { return a.left - b.left || b.width - a.width; });
    found.forEach(function (frame) {
      ++count;
      if (frame.left + frame.width <= right + 1e-5) return;
      share += frame.width;
      right = frame.left + frame.width;
    });
    say(text ? count + " frames match " + text + ": " + share.toFixed(2) + "% of all" : "");
    return share;
  }
  function reset() { zoom(frames[0]); search(""); if (byId("pattern")) byId("pattern").value = ""; }
  frames.forEach(function (frame) {
    frame.element.addEventListener("click", function () { zoom(frame); });
    frame.element.addEventListener("mouseover", function () {
      say(frame.element.querySelector("title").textContent.split("\n").join("  ·  "));
    });
  });
  byId("reset").addEventListener("click", reset);
  byId("find").addEventListener("click", function () {
    var field = byId("pattern");
    var text = field ? field.value : window.prompt("Frames whose name matches (regular expression)", pattern);
    if (text !== null) search(text);
  });
  if (byId("pattern")) byId("pattern").addEventListener("input", function () { search(this.value); });
  doc.addEventListener("keydown", function (event) {
    if (event.key === "Escape") reset();
    if (event.key === "/" && byId("pattern") && doc.activeElement !== byId("pattern")) {
      event.preventDefault();
      byId("pattern").focus();
    }
  });
})();
)js";

}  // namespace heapprof::report

#!/usr/bin/env python3
"""`heapprof flame`, read back by an XML parser and compared with a tree summed here from `convert --to collapsed`: every frame
that is wide enough is there once, as wide as its share, within its parent, with its exact figures; nothing comes from elsewhere.
Where a Chromium is, the page's own script runs in it: zoom, search and reset."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

SVG = "{http://www.w3.org/2000/svg}"
CLOSE = 2e-6  # of a percent: positions have six digits


class Node:
    def __init__(self, depth):
        self.depth, self.children, self.figure, self.own = depth, {}, [0, 0], [0, 0]

    def weight(self):
        return max(map(abs, self.own)) + sum(child.weight() for child in self.children.values())


def tree_of(*sides):
    root = Node(0)
    for side, text in enumerate(sides):
        for line in text.splitlines():
            stack, value = line.rsplit(" ", 1)
            node = root
            node.figure[side] += int(value)
            for name in stack.split(";"):
                node = node.children.setdefault(name, Node(node.depth + 1))
                node.figure[side] += int(value)
            node.own[side] += int(value)
    return root


def frames_of(path):
    root = ElementTree.parse(path).getroot() if path.endswith(".svg") else \
        ElementTree.fromstring(open(path, encoding="utf-8").read().replace("<!DOCTYPE html>", "", 1))
    for element in root.iter():
        for name, value in element.attrib.items():
            if name.startswith("data-"):
                continue
            assert not re.search(r"url\(|https?:|^//", value) and not name.endswith(("src", "href")), f"{path}: {name}={value}"
        assert element.tag.replace(SVG, "") not in ("image", "link", "use", "foreignObject", "iframe"), element.tag
    return root, [element for element in root.iter(SVG + "svg") if element.get("class") == "f"]


def percent(element, name):
    return float(element.get(name).rstrip("%"))


def check(path, tree, least, flipped, based):
    """Frames in the file, each matched to its node by walking both from the root."""
    _, frames = frames_of(path)
    whole = tree.weight()
    tops = {}
    by_depth = {}
    for frame in frames:
        by_depth.setdefault(int(frame.get("data-d")), []).append(frame)
        tops.setdefault(int(frame.get("data-d")), set()).add(int(frame.get("y")))
    order = [tops[depth].pop() for depth in sorted(tops)]
    assert all(not rest for rest in tops.values()) and order == sorted(order, reverse=flipped), f"{path}: rows {order}"
    (root,) = by_depth[0]
    assert percent(root, "width") == 100 and root.get("data-n") == "all"
    used = 0

    def walk(node, frame):
        nonlocal used
        used += 1
        title = frame.find(SVG + "title").text
        assert title.startswith(frame.get("data-n") + "\n"), title
        assert float(frame.get("data-v")) == node.figure[0], f"{path}: {frame.attrib}, {node.figure}"
        assert abs(percent(frame, "width") - 100 * node.weight() / whole) < CLOSE, f"{path}: {frame.attrib}"
        if based:
            assert float(frame.get("data-b")) == node.figure[1], f"{path}: {frame.attrib}, {node.figure}"
            change = node.figure[0] - node.figure[1]
            sign = title.split("\n")[1][0]
            assert sign == ("+" if change > 0 else "-" if change < 0 else "0"), title
            red, _, blue = (int(frame.find(SVG + "rect").get("fill")[i:i + 2], 16) for i in (1, 3, 5))
            assert (red > blue) == (change > 0) and (blue > red) == (change < 0), frame.find(SVG + "rect").attrib
        left, right = percent(frame, "x"), percent(frame, "x") + percent(frame, "width")
        inside = [child for child in by_depth.get(node.depth + 1, [])
                  if percent(child, "x") > left - CLOSE and percent(child, "x") + percent(child, "width") < right + CLOSE]
        wanted = {name: child for name, child in node.children.items() if child.weight() > 0 and child.weight() / whole >= least}
        assert sorted(child.get("data-n").replace(";", ":") for child in inside) == sorted(wanted), f"{path}: {sorted(wanted)}"
        end = left
        for child in sorted(inside, key=lambda one: percent(one, "x")):
            assert percent(child, "x") > end - CLOSE, f"{path}: two frames lie on each other"
            end = percent(child, "x") + percent(child, "width")
            walk(wanted[child.get("data-n").replace(";", ":")], child)

    walk(tree, root)
    assert used == len(frames), f"{path}: {len(frames)} frames, {used} have a place"
    return used


PROBE = """<script>
addEventListener("load", function () {
  var all = Array.prototype.slice.call(document.querySelectorAll("svg.f"));
  function state() { return all.map(function (f) { return [f.style.display, parseFloat(f.getAttribute("x")),
    parseFloat(f.getAttribute("width")), f.classList.contains("hit")]; }); }
  function click(element) { element.dispatchEvent(new MouseEvent("click", {bubbles: true})); }
  var out = {start: state()};
  var chosen = all[Math.floor(all.length / 2)];
  click(chosen); out.chosen = all.indexOf(chosen); out.zoomed = state();
  click(document.getElementById("reset")); out.reset = state();
  var field = document.getElementById("pattern");
  field.value = chosen.getAttribute("data-n").split("(")[0].match(/\\w{4,}/g).pop(); field.dispatchEvent(new Event("input"));
  out.pattern = field.value; out.searched = state(); out.said = document.getElementById("said").textContent;
  field.value = "(["; field.dispatchEvent(new Event("input")); out.odd = document.getElementById("said").textContent;
  document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"})); out.escaped = state();
  var pre = document.createElement("pre"); pre.id = "out"; pre.textContent = JSON.stringify(out); document.body.appendChild(pre);
});
</script></body>"""


def check_script(browser, path, scratch):
    """Zoom, search and reset in a real browser."""
    _, frames = frames_of(path)
    with open(path, encoding="utf-8") as file:
        page = file.read()
    with open(f"{scratch}/probe.html", "w", encoding="utf-8") as file:
        file.write(page.replace("</body>", PROBE))
    done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={scratch}/browser",
                           "--virtual-time-budget=5000", "--dump-dom", f"file://{scratch}/probe.html"],
                          capture_output=True, text=True, timeout=120, env=dict(os.environ, HOME=scratch))
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.S)
    assert found, f"{browser}: {done.stderr[-800:]}"
    said = json.loads(found[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
    start = [(percent(frame, "x"), percent(frame, "width")) for frame in frames]
    assert [tuple(one[1:3]) for one in said["start"]] == start
    chosen = said["chosen"]
    left, width = start[chosen]
    depth = int(frames[chosen].get("data-d"))
    assert said["zoomed"][chosen][1:3] == [0, 100], said["zoomed"][chosen]
    for frame, (x, w), (display, new_x, new_w, _) in zip(frames, start, said["zoomed"]):
        if int(frame.get("data-d")) < depth:
            ancestor = x <= left + 1e-5 and x + w >= left + width - 1e-5
            assert (display, new_x, new_w) == ("", 0, 100) if ancestor else display == "none", frame.attrib
        else:
            wanted = (x - left) / width * 100
            assert abs(new_x - wanted) < 1e-5 and (display == "none") == (wanted >= 99.99 or wanted + w / width * 100 <= 0.01)
    for name in ("reset", "escaped"):
        assert [one[:3] for one in said[name]] == [["", *one] for one in map(list, start)], name
        assert not any(one[3] for one in said[name]), name
    hits = [index for index, one in enumerate(said["searched"]) if one[3]]
    pattern = re.compile(said["pattern"], re.I)
    assert hits == [i for i, frame in enumerate(frames) if int(frame.get("data-d")) > 0 and pattern.search(frame.get("data-n"))]
    covered, right = 0, -1.0
    for x, w in sorted((start[i] for i in hits), key=lambda one: (one[0], -one[1])):
        if x + w > right + 1e-5:
            covered, right = covered + w, x + w
    assert said["said"] == f"{len(hits)} frames match {said['pattern']}: {covered:.2f}% of all", said["said"]
    assert "match ([" in said["odd"], said["odd"]
    print(f"{os.path.basename(browser)} zoomed to frame {chosen} of {len(frames)}, found {len(hits)}, reset")


def main():
    parser = argparse.ArgumentParser()
    for name in ("heapprof", "wild", "dump"):
        parser.add_argument("--" + name, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="heapprof-flame.") as scratch:
        def run(*command):
            done = subprocess.run(command, capture_output=True, text=True, cwd=scratch, timeout=60)
            assert done.returncode == 0, f"{command}: {done.stderr}"
            return done.stdout

        for seed in range(1, 9):
            run(given.wild, str(seed), f"{seed}.pb.gz", "gzip")
        for seed in (1, 2):
            run(given.dump, "--seed", str(seed), "--samples", "3000", "--stacks", "700", "-o", f"dump{seed}.pb.gz")
        names = [f"{seed}.pb.gz" for seed in range(1, 9)] + ["dump1.pb.gz", "dump2.pb.gz"]
        frames = files = 0
        for i, name in enumerate(names):
            base = names[i - 1] if name != "1.pb.gz" and name != "dump1.pb.gz" else None
            now = run(given.heapprof, "convert", "--to", "collapsed", name)
            for least, flip, suffix in ((0, False, "svg"), (0.0005, True, "html"), (0.01, False, "html")):
                out = f"{scratch}/{i}.{least}.{suffix}"
                shape = ["-o", out, f"--min-width={least}", *(["--flip"] if flip else [])]
                if not re.search(r" -\d+$", now, re.M):  # widths are of absolute values: those of a sum say nothing
                    assert run(given.heapprof, "flame", name, *shape) == out + "\n"
                    frames += check(out, tree_of(now), least, flip, False)
                    files += 1
                if base:
                    before = run(given.heapprof, "convert", "--to", "collapsed", base)
                    run(given.heapprof, "flame", name, "--base", base, *shape)
                    frames += check(out, tree_of(now, before), least, flip, True)
                    files += 1
        focused = run(given.heapprof, "convert", "--to", "collapsed", "-focus=cache", "-lines", "2.pb.gz")
        run(given.heapprof, "flame", "-focus=cache", "-lines", "2.pb.gz", "-o", "focused.svg", "--min-width=0")
        frames += check(f"{scratch}/focused.svg", tree_of(focused), 0, False, False)
        print(f"{frames} frames in {files + 1} files are where and what they should be")
        browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if browser:
            run(given.heapprof, "flame", "dump1.pb.gz", "-o", f"{scratch}/page.html")
            check_script(browser, f"{scratch}/page.html", scratch)
        else:
            print("no Chromium here: the page's script did not run")
    return 0


if __name__ == "__main__":
    sys.exit(main())

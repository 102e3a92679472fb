"""Maps of words as pictures and as pages."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq.viz import plotting

Arrow = tuple[str, str]

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #222; background: #fff; }
h1 { font-size: 1.3rem; margin: 0 0 .6rem; }
main { display: flex; gap: 1.5rem; align-items: flex-start; flex-wrap: wrap; }
#map { flex: 1 1 38rem; min-width: 20rem; border: 1px solid #e5e5e5; }
svg { display: block; width: 100%; height: 75vh; touch-action: none; cursor: grab; }
aside { flex: 0 1 19rem; }
input { font: inherit; padding: .15rem .35rem; width: 6.5rem; }
#search { width: 100%; box-sizing: border-box; }
form { margin: 0 0 .8rem; }
table { border-collapse: collapse; width: 100%; }
td { padding: .05rem .3rem; cursor: pointer; }
td.number { text-align: right; font-variant-numeric: tabular-nums; color: #666; cursor: default; }
tr:hover td { background: #f1f5fb; }
.word circle { fill: #7d8da6; }
.word text { fill: #444; }
.word { cursor: pointer; }
.word.near circle { fill: #1446a0; }
.word.near text { fill: #1446a0; font-weight: 600; }
.word.chosen circle { fill: #c0392b; }
.word.chosen text { fill: #c0392b; font-weight: 700; }
.arrow { fill: none; stroke: #e08a00; }
.note { color: #666; font-size: .9rem; }
#answer { min-height: 1.4rem; font-weight: 600; }
"""

SCRIPT = r"""
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg", SIDE = 1000, MARGIN = 40, NEAR = 10;
const byId = (id) => document.getElementById(id);
const places = new Map(data.words.map((word, place) => [word, place]));
const bytes = Uint8Array.from(atob(data.units), (letter) => letter.charCodeAt(0));
const units = new Int8Array(bytes.buffer), width = data.width;

function unit(place) {
  const found = Float64Array.from(units.subarray(place * width, (place + 1) * width));
  const length = Math.sqrt(found.reduce((sum, value) => sum + value * value, 0)) || 1;
  return found.map((value) => value / length);
}
const rows = data.words.map((_, place) => unit(place));
function nearest(query, leftOut, count) {
  const scores = rows.map((row, place) => {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += row[i] * query[i];
    return [sum, place];
  });
  return scores.filter(([, place]) => !leftOut.includes(place)).sort((a, b) => b[0] - a[0]).slice(0, count);
}

function element(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  parent.appendChild(made);
  return made;
}
const svg = element("svg", { role: "img", "aria-label": "map of words" }, byId("map"));
const marker = element("marker", { id: "head", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7,
                                   orient: "auto-start-reverse" }, element("defs", {}, svg));
element("path", { d: "M0 0L8 4L0 8z", fill: "#e08a00" }, marker);
const arrows = element("g", {}, svg), words = element("g", {}, svg);
const low = [0, 1].map((axis) => Math.min(...data.points.map((point) => point[axis])));
const high = [0, 1].map((axis) => Math.max(...data.points.map((point) => point[axis])));
const range = Math.max(high[0] - low[0], high[1] - low[1]) || 1;
const at = data.points.map(([x, y]) => [MARGIN + (x - low[0]) / range * (SIDE - 2 * MARGIN),
                                        SIDE - MARGIN - (y - low[1]) / range * (SIDE - 2 * MARGIN)]);
const groups = data.words.map((word, place) => {
  const group = element("g", { class: "word" }, words);
  element("title", {}, group).textContent = word;
  element("circle", {}, group);
  element("text", {}, group).textContent = word;
  group.addEventListener("click", () => choose(place));
  return group;
});

// Letters and dots keep their size on the screen while the map is scaled beneath them.
let view = [0, 0, SIDE, SIDE];
function draw() {
  svg.setAttribute("viewBox", view.join(" "));
  const box = svg.getBoundingClientRect();
  const scale = Math.max(view[2] / (box.width || SIDE), view[3] / (box.height || SIDE));
  groups.forEach((group, place) => {
    const [x, y] = at[place];
    const [, circle, text] = group.children;
    circle.setAttribute("cx", x); circle.setAttribute("cy", y); circle.setAttribute("r", 2.5 * scale);
    text.setAttribute("x", x + 4 * scale); text.setAttribute("y", y + 4 * scale);
    text.setAttribute("font-size", 11 * scale);
  });
  for (const arrow of arrows.children) arrow.setAttribute("stroke-width", 2 * scale);
}
svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  const factor = event.deltaY < 0 ? 0.8 : 1.25, box = svg.getBoundingClientRect();
  const x = view[0] + (event.clientX - box.left) / box.width * view[2];
  const y = view[1] + (event.clientY - box.top) / box.height * view[3];
  view = [x - (x - view[0]) * factor, y - (y - view[1]) * factor, view[2] * factor, view[3] * factor];
  draw();
}, { passive: false });
let held = null;
svg.addEventListener("pointerdown", (event) => { held = [event.clientX, event.clientY, ...view]; });
addEventListener("pointermove", (event) => {
  if (!held || !event.buttons) { held = null; return; }
  const box = svg.getBoundingClientRect(), scale = Math.max(view[2] / box.width, view[3] / box.height);
  view[0] = held[2] - (event.clientX - held[0]) * scale;
  view[1] = held[3] - (event.clientY - held[1]) * scale;
  draw();
});
addEventListener("pointerup", () => { held = null; });
addEventListener("resize", draw);

function mark(name, wanted) {
  groups.forEach((group, place) => group.classList.toggle(name, wanted.includes(place)));
  wanted.forEach((place) => words.appendChild(groups[place]));  // on top of the others
}
function list(found) {
  const body = byId("neighbors").tBodies[0];
  body.replaceChildren();
  for (const [score, place] of found) {
    const row = body.insertRow(), name = row.insertCell(), number = row.insertCell();
    name.textContent = data.words[place];
    name.addEventListener("click", () => choose(place));
    number.textContent = score.toFixed(3);
    number.className = "number";
  }
}
function choose(place) {
  const found = nearest(rows[place], [place], NEAR);
  byId("search").value = data.words[place];
  byId("note").textContent = "";
  mark("near", found.map(([, near]) => near));
  mark("chosen", [place]);
  list(found);
}
function arrow(from, to) {
  const [a, b] = [at[from], at[to]];
  element("path", { class: "arrow", d: `M${a[0]} ${a[1]}L${b[0]} ${b[1]}`, "marker-end": "url(#head)" }, arrows);
}
function known(id) {
  const word = byId(id).value.trim();
  if (!places.has(word)) byId("note").textContent = word ? `“${word}” is not on this map` : "";
  return places.get(word);
}
byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const place = known("search");
  if (place !== undefined) choose(place);
});
byId("search").addEventListener("change", () => byId("find").requestSubmit());
byId("analogy").addEventListener("submit", (event) => {
  event.preventDefault();
  const [a, b, c] = ["a", "b", "c"].map(known);
  if ([a, b, c].includes(undefined)) return;
  const found = nearest(rows[b].map((value, i) => value - rows[a][i] + rows[c][i]), [a, b, c], NEAR);
  const length = Math.hypot(...rows[b].map((value, i) => value - rows[a][i] + rows[c][i])) || 1;
  const best = found[0][1];
  byId("note").textContent = "";
  byId("answer").textContent = data.words[best];
  arrows.replaceChildren();
  arrow(a, b); arrow(c, best);
  mark("near", [a, b, c]);
  mark("chosen", [best]);
  list(found.map(([score, place]) => [score / length, place]));
  draw();
});
byId("clear").addEventListener("click", () => {
  arrows.replaceChildren();
  mark("near", []); mark("chosen", []); list([]);
  byId("answer").textContent = byId("note").textContent = "";
});
const options = byId("words");
data.words.forEach((word) => options.appendChild(new Option(word, word)));
for (const [from, to] of data.arrows) arrow(places.get(from), places.get(to));
draw();
"""

BODY = """
<main><div id="map"></div><aside>
<form id="find"><input id="search" list="words" placeholder="search a word" aria-label="search a word"
 autocomplete="off"><datalist id="words"></datalist></form>
<form id="analogy"><input id="a" list="words" aria-label="first word"> is to
<input id="b" list="words" aria-label="second word"> as<br><input id="c" list="words" aria-label="third word"> is to
<button>…</button> <button type="button" id="clear">clear</button><div id="answer"></div></form>
<p id="note" class="note"></p>
<table id="neighbors"><tbody></tbody></table>
<p class="note">Turn the wheel to come nearer, drag to move. Neighbours and analogies are found in all dimensions among
the words of the map; numbers are cosines.</p></aside></main>
"""


def word_map_page(
    words: Sequence[str],
    points: NDArray[Any],
    units: NDArray[Any],
    arrows: Sequence[Arrow] = (),
    title: str = "Words",
) -> str:
    """A self-contained page with a map of words: search, neighbours, analogies with arrows.

    Args:
        words: on the map.
        points: [words, 2] where they stand.
        units: [words, width] their vectors, of length 1 (kept as int8).
        arrows: drawn from word to word at first.
        title: of the page.

    Returns:
        the HTML text.

    Raises:
        ValueError: arrays that do not fit the words, or an arrow of a word that is not there.

    Example:
        >>> import numpy as np
        >>> from pyseq.viz import word_map_page
        >>> page = word_map_page(["a", "b"], np.eye(2), np.eye(2))
        >>> "is to" in page
        True
    """
    points, units = np.asarray(points), np.asarray(units)
    if points.shape != (len(words), 2) or units.ndim != 2 or len(units) != len(words):
        raise ValueError(f"word_map_page: points {points.shape} and units {units.shape} of {len(words)} words")
    missing = {word for arrow in arrows for word in arrow} - set(words)
    if missing:
        raise ValueError(f"word_map_page: arrows of words that are not on the map: {', '.join(sorted(missing))}")
    largest = np.abs(units).max(axis=1, keepdims=True)
    narrow = np.rint(127 * units / np.where(largest == 0, 1, largest)).astype(np.int8)
    data = {
        "words": list(words),
        "points": np.round(points.astype(float), 5).tolist(),
        "units": base64.b64encode(narrow.tobytes()).decode(),
        "width": int(units.shape[1]),
        "arrows": [list(arrow) for arrow in arrows],
    }
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")  # no word can close the script
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{BODY}\n"
        f'<script type="application/json" id="data">{text}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n'
    )


def word_map_plot(
    words: Sequence[str],
    points: NDArray[Any],
    arrows: Sequence[Arrow] = (),
    *,
    title: str = "",
    file: str | os.PathLike[str] | None = None,
) -> Any:
    """A map of words as a picture (matplotlib).

    Args:
        words: on the map.
        points: [words, 2] where they stand.
        arrows: from word to word.
        title: above it.
        file: written when given (.png, .svg, .pdf).

    Returns:
        the axes.

    Raises:
        UnsupportedError: matplotlib is not installed.
    """
    figure = plotting.new_figure(9, 9)
    axes = figure.subplots()
    axes.set_axis_off()
    points = np.asarray(points)
    axes.scatter(points[:, 0], points[:, 1], s=6, color="#7d8da6")
    for word, (x, y) in zip(words, points.tolist(), strict=True):
        axes.annotate(plotting.plain(word), (x, y), xytext=(2, 2), textcoords="offset points", fontsize=7)
    places = {word: place for place, word in enumerate(words)}
    for start, end in arrows:
        axes.annotate(
            "",
            points[places[end]],
            xytext=points[places[start]],
            arrowprops={"arrowstyle": "->", "color": "#e08a00", "lw": 1.5},
        )
    if title:
        plotting.set_title(figure, title)
    return plotting.save(axes, file)

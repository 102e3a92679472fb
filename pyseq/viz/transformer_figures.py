"""Figures of a course on Transformers, computed by the ops that models are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyseq import nn, ops
from pyseq.autograd import Tape
from pyseq.tensor import Array, Parameter, Tensor
from pyseq.viz.page import html_page

STYLE = """
figure { margin: 1rem 0 1.5rem; }
figcaption { color: #666; font-size: .9rem; max-width: 48rem; }
.row { display: flex; flex-wrap: wrap; gap: 1.5rem; }
.row h3 { font-size: .95rem; font-weight: 600; margin: .2rem 0; }
table.map { border-collapse: collapse; font: 12px ui-monospace, monospace; }
table.map td { width: 2.9rem; height: 1.7rem; text-align: center; border: 1px solid #eee; }
table.map td.masked { background: repeating-linear-gradient(45deg, #eee, #eee 4px, #fff 4px, #fff 8px); }
table.map th { font-weight: 400; color: #666; padding-left: .6rem; }
table.map th.wrong { color: #c0392b; font-weight: 700; }
svg text { font: 12px system-ui, sans-serif; fill: #444; }
#position-value { min-height: 1.4em; }
"""

BODY = """
<section><h2>Softmax of q·k with and without 1/√d_k</h2>
<p><label>d_k <input type="range" id="size" min="0" value="0" step="1"> <output id="size-value"></output></label></p>
<div class="row" id="softmax"></div>
<figcaption>A query and keys of normal values: their products have the variance d_k. Without the factor, softmax puts
all on one key as d_k grows, and its gradient Σ |∂p_i/∂s_j| fades; with it, neither depends on
d_k.</figcaption></section>
<section><h2>A causal mask before and after the softmax</h2><div class="row" id="masks"></div>
<figcaption>Scores that are −∞ before the softmax leave their share to the others: rows add up to 1. Zeroed
afterwards, what is left depends on the future, and rows add up to less.</figcaption></section>
<section><h2>Positional encoding</h2><canvas id="positions"></canvas><p class="note" id="position-value"></p>
<figcaption>sin and cos of position / 10000^(2i/d): rows are positions, columns dimensions; blue is −1, white 0,
red 1. Touch a place to read it.</figcaption></section>
"""

SCRIPT = """
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
function element(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return parent.appendChild(made);
}
function heading(parent, text) { parent.appendChild(document.createElement("h3")).textContent = text; }
function bars(title, values, note) {
  const holder = document.createElement("div"), width = 340, height = 160, step = (width - 40) / values.length;
  heading(holder, title);
  const svg = element("svg", { width, height: height + 24, role: "img", "aria-label": title }, holder);
  element("line", { x1: 34, y1: height, x2: width, y2: height, stroke: "#888" }, svg);
  for (const mark of [0, 0.5, 1]) {
    element("text", { x: 28, y: height - mark * (height - 12) + 4, "text-anchor": "end" }, svg, String(mark));
  }
  values.forEach((value, index) => {
    const tall = value * (height - 12);
    const bar = element("rect", { x: 36 + index * step, y: height - tall, width: step - 2, height: tall,
                                  fill: "#1446a0" }, svg);
    element("title", {}, bar, `key ${index + 1}: ${value.toFixed(4)}`);
  });
  element("text", { x: 36, y: height + 18 }, svg, note);
  return holder;
}
function curves() {
  const holder = document.createElement("div"), width = 390, height = 160;
  heading(holder, "Σ |∂p_i/∂s_j| by d_k, the mean of many queries");
  const svg = element("svg", { width, height: height + 24, role: "img", "aria-label": "gradient by d_k" }, holder);
  const all = data.softmax.flatMap((one) => [one.raw.gradient, one.scaled.gradient]), most = Math.max(...all) * 1.1;
  const x = (index) => 40 + index * (width - 120) / Math.max(1, data.softmax.length - 1);
  const y = (value) => height - value / most * (height - 12);
  element("line", { x1: 34, y1: height, x2: width - 70, y2: height, stroke: "#888" }, svg);
  for (const [kind, colour, name] of [["scaled", "#1446a0", "with"], ["raw", "#c0392b", "without"]]) {
    const points = data.softmax.map((one, index) => `${x(index)},${y(one[kind].gradient)}`).join(" ");
    element("polyline", { points, fill: "none", stroke: colour, "stroke-width": 2 }, svg);
    data.softmax.forEach((one, index) => {
      const place = { cx: x(index), cy: y(one[kind].gradient), r: 3.5 };
      const dot = element("circle", { ...place, fill: colour, class: kind }, svg);
      element("title", {}, dot, `d_k = ${one.size}: ${one[kind].gradient.toFixed(4)}`);
    });
    const last = data.softmax.length - 1;
    element("text", { x: x(last) + 8, y: y(data.softmax[last][kind].gradient) + 4 }, svg, name);
  }
  data.softmax.forEach((one, index) => {
    element("text", { x: x(index), y: height + 18, "text-anchor": "middle" }, svg, one.size);
  });
  element("text", { x: 28, y: 14, "text-anchor": "end" }, svg, most.toFixed(1));
  return holder;
}
function drawSoftmax() {
  const one = data.softmax[Number(byId("size").value)];
  byId("size-value").textContent = one.size;
  const note = (kind) => `largest ${Math.max(...one[kind].weights).toFixed(3)}, ` +
    `Σ |∂p/∂s| = ${one[kind].example.toFixed(3)}`;
  byId("softmax").replaceChildren(bars("softmax(q·k / √d_k)", one.scaled.weights, note("scaled")),
                                  bars("softmax(q·k)", one.raw.weights, note("raw")), curves());
}
function map(title, rows, has_sums) {
  const holder = document.createElement("div"), table = document.createElement("table");
  heading(holder, title);
  table.className = "map";
  for (const values of rows) {
    const row = table.insertRow();
    for (const value of values) {
      const cell = row.insertCell();
      if (value === null) { cell.className = "masked"; cell.textContent = "−∞"; continue; }
      cell.textContent = value.toFixed(2);
      if (has_sums) cell.style.background = `rgba(20,70,160,${Math.min(1, value).toFixed(3)})`;
      if (has_sums && value > 0.55) cell.style.color = "#fff";
    }
    if (!has_sums) continue;
    const sum = values.reduce((a, b) => a + b, 0), head = row.appendChild(document.createElement("th"));
    head.textContent = "Σ " + sum.toFixed(2);
    if (Math.abs(sum - 1) > 0.005) head.className = "wrong";
  }
  holder.appendChild(table);
  return holder;
}
function drawPositions() {
  const canvas = byId("positions"), rows = data.positions, context = canvas.getContext("2d");
  canvas.height = rows.length;
  canvas.width = rows[0].length;
  canvas.style.width = Math.min(1100, 8 * canvas.width) + "px";
  canvas.style.height = 5 * canvas.height + "px";
  const image = context.createImageData(canvas.width, canvas.height);
  rows.flat().forEach((value, index) => {
    const fade = 255 * (1 - Math.abs(value));
    image.data.set(value < 0 ? [fade, fade, 255, 255] : [255, fade, fade, 255], 4 * index);
  });
  context.putImageData(image, 0, 0);
  canvas.addEventListener("mousemove", (event) => {
    const box = canvas.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top) / box.height * canvas.height);
    const column = Math.floor((event.clientX - box.left) / box.width * canvas.width);
    const value = rows[row]?.[column];
    if (value !== undefined) byId("position-value").textContent =
      `position ${row}, dimension ${column}: ${value.toFixed(3)}`;
  });
}
byId("size").max = data.softmax.length - 1;
byId("size").value = Math.min(2, data.softmax.length - 1);
byId("size").addEventListener("input", drawSoftmax);
drawSoftmax();
byId("masks").append(map("scores s", data.mask.scores, false), map("masked before", data.mask.masked_scores, false),
                     map("softmax of these: right", data.mask.before, true),
                     map("softmax of s", data.mask.unmasked, true), map("zeroed after: wrong", data.mask.after, true));
drawPositions();
"""


def softmax_gradient(scores: Array) -> tuple[Array, Array]:
    """Softmax p of scores s, and Σ_ij |∂p_i/∂s_j| of every row, by the library's own way back.

    Args:
        scores: [rows, keys] float32.

    Returns:
        p [rows, keys] and the sums [rows].

    Example:
        >>> import numpy as np
        >>> from pyseq.viz import softmax_gradient
        >>> p, total = softmax_gradient(np.zeros((1, 2), np.float32))
        >>> p.tolist(), total.tolist()
        ([[0.5, 0.5]], [1.0])
    """
    rows, keys = scores.shape
    s = Parameter(np.repeat(scores.astype(np.float32), keys, axis=0))  # a copy per p_i whose gradient is asked for
    with Tape() as tape:
        p = ops.softmax(s)
    found = np.zeros(s.shape, np.float32)

    def add(to: Tensor, gradient: Array) -> None:
        if to is s:
            found[...] += gradient

    tape.walk_back([(p, np.tile(np.eye(keys, dtype=np.float32), (rows, 1)))], add)
    total = np.abs(found, dtype=np.float64).reshape(rows, -1).sum(axis=1)
    return p.numpy()[::keys], total


def _softmax_figures(sizes: Sequence[int], keys: int, queries: int, seed: int) -> list[dict[str, Any]]:
    """Per d_k: the weights of one query, its gradient, and the mean gradient of many, with and without 1/√d_k."""
    random = np.random.default_rng(seed)
    figures = []
    for size in sizes:
        q, k = (random.standard_normal((queries, count, size)) for count in (1, keys))
        raw = np.einsum("bid,bjd->bj", q, k)
        entry: dict[str, Any] = {"size": size}
        for name, scores in (("raw", raw), ("scaled", raw / math.sqrt(size))):
            p, total = softmax_gradient(scores)
            entry[name] = {"weights": p[0].tolist(), "example": float(total[0]), "gradient": float(total.mean())}
        figures.append(entry)
    return figures


def _mask_figure(time: int, seed: int) -> dict[str, Any]:
    scores = np.random.default_rng(seed).standard_normal((time, time)).astype(np.float32)
    future = np.triu(np.ones((time, time), bool), 1)
    masked = np.where(future, np.float32(-np.inf), scores)
    unmasked = np.asarray(ops.softmax(scores))
    return {
        "scores": scores.tolist(),
        "masked_scores": [[None if math.isinf(value) else value for value in row] for row in masked.tolist()],
        "before": np.asarray(ops.softmax(masked)).tolist(),
        "unmasked": unmasked.tolist(),
        "after": np.where(future, 0, unmasked).tolist(),
    }


def _positions_figure(positions: int, width: int) -> list[list[float]]:
    x = Tensor(np.zeros((1, positions, width), np.float32))
    encoding = nn.SinusoidalPositions()(x).numpy()[0]
    rounded: list[list[float]] = np.round(encoding.astype(np.float64), 3).tolist()
    return rounded


def transformer_figures_page(
    sizes: Sequence[int] = (4, 16, 64, 256, 1024), keys: int = 12, positions: int = 64, width: int = 96, seed: int = 0
) -> str:
    """A page with three figures of the Transformer, computed when it is made.

    softmax(q·k) and softmax(q·k/√d_k) with the size of their gradients; a causal mask before and after the softmax; the
    map of sinusoidal positions.

    Args:
        sizes: values of d_k.
        keys: that a query looks at.
        positions: rows of the map.
        width: its columns, an even number.
        seed: of the queries, keys and scores.

    Returns:
        the HTML text.

    Source:
        Vaswani et al., "Attention is all you need" (2017), 3.2.1 (footnote 4), 3.2.3 and 3.5.

    Example:
        >>> from pyseq.viz import transformer_figures_page
        >>> "1/√d_k" in transformer_figures_page(sizes=(4, 64))
        True
    """
    data = {
        "softmax": _softmax_figures(sizes, keys, 200, seed),
        "mask": _mask_figure(6, seed),
        "positions": _positions_figure(positions, width),
    }
    return html_page("The Transformer in figures", BODY, STYLE, SCRIPT, data)

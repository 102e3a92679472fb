"""All attention of a model as a page: every head of every layer at once, and the lines of one head."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq.viz.page import html_page

MOST_TOKENS = 400  # of a side: a page with more would not open

STYLE = """
#tokens { overflow: auto; }
#tokens text { font: 14px ui-monospace, monospace; fill: #222; cursor: default; }
#tokens text.far { fill: #bbb; }
#tokens line { stroke-width: 2; pointer-events: none; }
#layers { border-collapse: collapse; }
#layers th { font-weight: 400; font-size: .8rem; color: #666; padding: 0 .3rem; }
#layers td { padding: 2px; border: 2px solid transparent; line-height: 0; cursor: pointer; }
#layers canvas { outline: 1px solid #ddd; }
#layers td.chosen { border-color: #d9822b; }
#views { display: flex; flex-wrap: wrap; gap: 2.5rem; align-items: flex-start; }
#value { width: 24rem; min-height: 4.2em; }
"""

BODY = """
<p><label id="texts">Text <select id="text"></select></label>
<label>Attention <select id="group"></select></label>
<label>Layer <select id="layer"></select></label><label>Head <select id="head"></select></label></p>
<p class="note" id="cost"></p>
<div id="views">
<section><h2>All layers and heads</h2><table id="layers"></table>
<p class="note">Rows of a picture look at its columns, dark is much. Touch one to see its lines.</p></section>
<section><h2 id="name"></h2><div id="tokens"></div><p class="note" id="value"></p></section>
</div>
"""

SCRIPT = """
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg", ROW = 22, GAP = 190, TOP = 14, LEAST = 0.02;
const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const chosen = { text: 0, group: 0, layer: 0, head: 0 };
const textOf = () => data[chosen.text], groupOf = () => textOf().groups[chosen.group];
const layerOf = () => groupOf().layers[chosen.layer];
const heads = () => layerOf().heads;
// Weights are kept as bytes, 255 for 1: what a screen can show.
const weightsOf = (head) => (head.decoded ??= bytes(head.weights));

function fill(select, names, value) {
  select.replaceChildren(...names.map((name, index) => new Option(name, String(index))));
  select.value = String(value);
}
function thumbnail(head, rows, columns, width, height) {
  const canvas = document.createElement("canvas"), weights = weightsOf(head);
  canvas.width = Math.max(1, columns);
  canvas.height = Math.max(1, rows);
  canvas.style.width = width + "px";
  canvas.style.height = height + "px";
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < rows * columns; ++i) {
    const share = weights[i] / 255;
    image.data.set([255 - 235 * share, 255 - 185 * share, 255 - 95 * share, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
function drawLayers() {
  const table = byId("layers"), group = groupOf();
  const most = Math.max(...group.layers.map((layer) => layer.heads.length));
  const cell = Math.max(24, Math.min(64, Math.floor(640 / most)));
  const longer = Math.max(group.rows.length, group.columns.length);
  const width = Math.max(8, cell * group.columns.length / longer);
  const height = Math.max(8, cell * group.rows.length / longer);
  table.replaceChildren();
  const names = table.createTHead().insertRow();
  names.appendChild(document.createElement("th"));
  for (let head = 0; head < most; ++head) names.appendChild(document.createElement("th")).textContent = head + 1;
  const body = table.createTBody();
  group.layers.forEach((layer, l) => {
    const row = body.insertRow();
    const name = row.appendChild(document.createElement("th"));
    name.textContent = l + 1;
    name.title = layer.path;
    layer.heads.forEach((head, h) => {
      const place = row.insertCell();
      place.title = `layer ${l + 1}, head ${h + 1}`;
      place.appendChild(thumbnail(head, group.rows.length, group.columns.length, width, height));
      place.addEventListener("click", () => { chosen.layer = l; chosen.head = h; update(); });
    });
  });
}
function element(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return parent.appendChild(made);
}
const shown = (token) => token.trim() ? token : "␣";
function drawHead() {
  const group = groupOf(), head = heads()[chosen.head], weights = weightsOf(head), columns = group.columns.length;
  byId("name").textContent = `${group.name}: layer ${chosen.layer + 1}, head ${chosen.head + 1}`;
  const longest = (tokens) => 9 * Math.max(1, ...tokens.map((token) => shown(token).length)) + 10;
  const left = longest(group.rows), right = longest(group.columns);
  const svg = element("svg", { width: left + GAP + right, height: TOP + ROW * Math.max(group.rows.length, columns) + 8,
                               role: "img", "aria-label": "lines of attention" }, document.createElement("div"));
  const y = (index) => TOP + ROW * index + ROW / 2;
  const lines = [], rows = [], ends = [];
  group.rows.forEach((token, row) => {
    for (let column = 0; column < columns; ++column) {
      const share = weights[row * columns + column] / 255;
      if (share < LEAST) continue;
      const line = element("line", { x1: left + 4, y1: y(row) - 4, x2: left + GAP - 4, y2: y(column) - 4,
                                     stroke: "#1446a0", "stroke-opacity": share.toFixed(3) }, svg);
      lines.push([line, row]);
    }
  });
  // Shows what one row looks at, or with null everything.
  const show = (chosen) => {
    const shareOf = (column) => weights[chosen * columns + column] / 255;
    for (const [line, row] of lines) line.style.display = chosen === null || row === chosen ? "" : "none";
    rows.forEach((text, row) => text.classList.toggle("far", chosen !== null && row !== chosen));
    ends.forEach((text, column) => text.classList.toggle("far", chosen !== null && shareOf(column) < LEAST));
    byId("value").textContent = "Touch a token on the left to see what it looks at.";
    if (chosen === null) return;
    const order = group.columns.map((token, column) => [shareOf(column), column]);
    order.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    byId("value").textContent = `“${shown(group.rows[chosen])}” looks at ` + order.slice(0, 4).map(
      ([weight, column]) => `“${shown(group.columns[column])}” (${weight.toFixed(2)})`).join(", ");
  };
  group.rows.forEach((token, row) => {
    const text = element("text", { x: left - 2, y: y(row), "text-anchor": "end" }, svg, shown(token));
    text.addEventListener("mouseenter", () => show(row));
    rows.push(text);
  });
  group.columns.forEach((token, column) => {
    ends.push(element("text", { x: left + GAP + 2, y: y(column) }, svg, shown(token)));
  });
  svg.addEventListener("mouseleave", () => show(null));
  byId("tokens").replaceChildren(svg);
  show(null);
}
function update() {
  chosen.layer = Math.min(chosen.layer, groupOf().layers.length - 1);
  chosen.head = Math.min(chosen.head, heads().length - 1);
  fill(byId("group"), textOf().groups.map((group) => group.name), chosen.group);
  fill(byId("layer"), groupOf().layers.map((layer, index) => `${index + 1} (${layer.path})`), chosen.layer);
  fill(byId("head"), heads().map((head, index) => String(index + 1)), chosen.head);
  byId("cost").textContent = textOf().cost;
  drawLayers();
  byId("layers").tBodies[0].rows[chosen.layer].cells[chosen.head + 1].className = "chosen";
  drawHead();
}
fill(byId("text"), data.map((text) => text.title), 0);
byId("texts").hidden = data.length < 2;
for (const name of ["text", "group", "layer", "head"]) {
  byId(name).addEventListener("change", () => {
    chosen[name] = Number(byId(name).value);
    if (name === "text") chosen.group = 0;
    update();
  });
}
if (data.length) update();
"""


@dataclass(frozen=True)
class AttentionLayer:
    """One layer: weights [heads, rows, columns]."""

    path: str
    weights: NDArray[Any]


@dataclass(frozen=True)
class AttentionGroup:
    """Layers over the same tokens: what rows look at columns."""

    name: str
    rows: Sequence[str]
    columns: Sequence[str]
    layers: Sequence[AttentionLayer]


@dataclass(frozen=True)
class ModelAttention:
    """All attention of one text."""

    title: str
    groups: Sequence[AttentionGroup]
    cost: str = ""  # what it took to get it


def heads_page(texts: Sequence[ModelAttention], title: str = "Attention heads") -> str:
    """A page with all layers and heads of a model as small pictures, and the lines of a chosen head between its tokens.

    Args:
        texts: what to show.
        title: of the page.

    Returns:
        the HTML text; weights in it are rounded to 1/255.

    Raises:
        ValueError: weights of another shape than their tokens, a group without layers, or very long texts.

    Source:
        Vig, "A multiscale visualization of attention in the Transformer model" (2019): its head view and model view.

    Example:
        >>> import numpy as np
        >>> from pyseq.viz import AttentionGroup, AttentionLayer, ModelAttention, heads_page
        >>> layer = AttentionLayer("encoder.layers.0", np.full((2, 2, 2), 0.5))
        >>> "<canvas" in heads_page([ModelAttention("a b", [AttentionGroup("encoder", "ab", "ab", [layer])])])
        False
    """
    return html_page(title, BODY, STYLE, SCRIPT, [_text(text) for text in texts])


def _text(text: ModelAttention) -> dict[str, Any]:
    if not text.groups:
        raise ValueError("heads_page: a text without attention")
    return {"title": text.title, "cost": text.cost, "groups": [_group(group) for group in text.groups]}


def _group(group: AttentionGroup) -> dict[str, Any]:
    if not group.layers:
        raise ValueError(f"heads_page: {group.name} has no layers")
    if max(len(group.rows), len(group.columns)) > MOST_TOKENS:
        raise ValueError(f"heads_page: {group.name} has more than {MOST_TOKENS} tokens")
    return {
        "name": group.name,
        "rows": list(group.rows),
        "columns": list(group.columns),
        "layers": [_layer(layer, len(group.rows), len(group.columns)) for layer in group.layers],
    }


def _layer(layer: AttentionLayer, rows: int, columns: int) -> dict[str, Any]:
    weights = np.asarray(layer.weights)
    if weights.ndim != 3 or weights.shape[1:] != (rows, columns):
        raise ValueError(
            f"heads_page: weights {list(weights.shape)} of {layer.path}, expected [heads, {rows}, {columns}]"
        )
    return {"path": layer.path, "heads": [{"weights": _as_bytes(head)} for head in weights]}


def _as_bytes(weights: NDArray[Any]) -> str:
    rounded = np.rint(np.clip(np.nan_to_num(weights), 0, 1) * 255).astype(np.uint8)
    return base64.b64encode(rounded.tobytes()).decode("ascii")

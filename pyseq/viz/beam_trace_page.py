"""A beam search as a page: the tree of all candidates, with scores and what became of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #222; background: #fff; }
h1 { font-size: 1.3rem; margin: 0 0 .5rem; }
label { margin-right: 1.2rem; }
.note { color: #666; font-size: .9rem; margin: .3rem 0; }
#tree { overflow: auto; border: 1px solid #e5e5e5; margin: .8rem 0; max-height: 70vh; }
svg text { font: 12px ui-monospace, monospace; pointer-events: none; }
svg .length { fill: #888; }
.edge { fill: none; stroke: #c8ced6; }
.node rect { fill: #fff; stroke: #98a2b0; }
.node.alive rect { fill: #eaf1fd; stroke: #1446a0; }
.node.finished rect { fill: #e4f5e7; stroke: #1d7a34; }
.node.pruned rect { fill: #f6f6f6; stroke: #ccc; }
.node.pruned text { fill: #888; }
.node.banned rect { fill: #fdecec; stroke: #c0392b; stroke-dasharray: 3 2; }
.node.banned text { fill: #a03024; }
.node.returned rect { stroke-width: 2.5; }
.edge.returned { stroke: #1d7a34; stroke-width: 2.5; }
.edge.path { stroke: #e08a00; stroke-width: 2.5; }
.node.path rect { stroke: #e08a00; stroke-width: 2.5; }
.node { cursor: pointer; }
.key { display: inline-block; padding: 0 .5rem; margin-right: .5rem; border: 1px solid; border-radius: 3px; }
#detail { min-height: 7.5rem; }
#detail td, #detail th, #found td, #found th { text-align: left; padding: 0 1rem 0 0; font-weight: 400; }
#detail th, #found th { color: #666; }
#found td.number { text-align: right; font-variant-numeric: tabular-nums; }
#found tr { cursor: pointer; }
"""

SCRIPT = r"""
"use strict";
const traces = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 118, HEIGHT = 22, ACROSS = 164, DOWN = 27, LEFT = 10, TOP = 30, MANY = 500;
const byId = (id) => document.getElementById(id);
const ORDER = { alive: 0, finished: 1, pruned: 2, banned: 3 };

function element(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  parent.appendChild(made);
  return made;
}
function number(value) { return value === null || value === undefined ? "" : value.toFixed(4); }
function shown(text) { return text.replace(/\s/g, "␣"); }
function tokenText(trace, token) {
  if (token === trace.options.end) return "⟨end⟩";
  const text = trace.tokens && trace.tokens[token];
  return text === undefined || text === null ? "#" + token : shown(text);
}

// All candidates of a trace as nodes of a tree, children after parents.
function tree(trace) {
  const nodes = [], known = new Map();
  const find = (beam, node) => known.get(beam + ":" + node) || known.get("0:" + node) || null;
  for (const step of trace.steps) {
    for (const candidate of step.candidates) {
      const made = { ...candidate, length: step.length, beam: step.beam, up: null, returned: null };
      if (candidate.parent !== null) made.up = find(step.beam, candidate.parent);
      if (candidate.node !== null) known.set(step.beam + ":" + candidate.node, made);
      nodes.push(made);
    }
  }
  trace.hypotheses.forEach((hypothesis, place) => {
    for (let node = find(hypothesis.beam, hypothesis.node); node; node = node.up) {
      if (node.returned === null) node.returned = place;
    }
  });
  return { nodes, find };
}
function path(node) {
  const found = [];
  for (; node; node = node.up) found.unshift(node);
  return found;
}

let current = null;  // {trace, nodes, find, drawn}

function choose(index) {
  const trace = traces[index];
  current = { trace, ...tree(trace) };
  const beams = [...new Set(trace.steps.map((step) => step.beam))].sort((a, b) => a - b);
  const select = byId("beam");
  select.replaceChildren();
  for (const beam of beams) select.add(new Option(String(beam), String(beam)));
  select.value = String(trace.hypotheses.length ? trace.hypotheses[0].beam : beams[0] || 0);
  byId("beams").hidden = beams.length < 2;
  byId("pruned").checked = byId("banned").checked = current.nodes.length <= MANY;
  const body = byId("found").tBodies[0];
  body.replaceChildren();
  trace.hypotheses.forEach((hypothesis) => {
    const end = current.find(hypothesis.beam, hypothesis.node);
    const row = body.insertRow();
    const score = row.insertCell();
    score.textContent = number(hypothesis.score);
    score.className = "number";
    row.insertCell().textContent = textOf(end);
    row.insertCell().textContent = hypothesis.finished ? "ended" : "cut";
    row.addEventListener("click", () => {
      if (select.value !== String(hypothesis.beam)) { select.value = String(hypothesis.beam); draw(); }
      show(end);
    });
  });
  draw();
}
function textOf(node) {
  const trace = current.trace;
  const tokens = path(node).map((item) => item.token).filter((token) => token !== trace.options.end);
  const known = trace.tokens !== undefined && trace.tokens !== null;
  if (!known) return tokens.map((token) => "#" + token).join(" ");
  return tokens.map((token) => trace.tokens[token]).join(trace.separator || "");
}

function draw() {
  const beam = Number(byId("beam").value);
  const wanted = new Set(["alive", "finished"]);
  if (byId("pruned").checked) wanted.add("pruned");
  if (byId("banned").checked) wanted.add("banned");
  const drawn = new Set();
  for (const node of current.nodes) {
    if (node.beam === beam && wanted.has(node.fate)) for (const item of path(node)) drawn.add(item);
  }
  const columns = new Map();
  for (const node of current.nodes) {
    if (!drawn.has(node)) continue;
    if (!columns.has(node.length)) columns.set(node.length, []);
    columns.get(node.length).push(node);
  }
  const lengths = [...columns.keys()].sort((a, b) => a - b);
  let tallest = 1;
  for (const length of lengths) {
    const column = columns.get(length);
    const above = (node) => (node.up ? node.up.y : 0);
    column.sort((a, b) => above(a) - above(b) || ORDER[a.fate] - ORDER[b.fate] || b.log_prob - a.log_prob);
    column.forEach((node, place) => { node.x = LEFT + (length - lengths[0]) * ACROSS; node.y = TOP + place * DOWN; });
    tallest = Math.max(tallest, column.length);
  }
  const holder = byId("tree");
  holder.replaceChildren();
  const width = LEFT * 2 + Math.max(1, lengths.length) * ACROSS, height = TOP + tallest * DOWN + 10;
  const svg = element("svg", { width, height, role: "img", "aria-label": "tree of candidates" }, holder);
  current.drawn = new Map();
  const edges = element("g", {}, svg), boxes = element("g", {}, svg);
  for (const length of lengths) {
    element("text", { x: LEFT + (length - lengths[0]) * ACROSS, y: 18, class: "length" }, svg, "token " + length);
    for (const node of columns.get(length)) drawNode(node, edges, boxes);
  }
}
function drawNode(node, edges, boxes) {
  let edge = null;
  const is_returned = node.returned !== null;
  if (node.up) {
    const x = node.up.x + WIDTH, y = node.up.y + HEIGHT / 2, to = node.y + HEIGHT / 2, bend = (node.x - x) / 2;
    edge = element("path", { class: "edge" + (is_returned ? " returned" : ""),
                             d: `M${x} ${y}C${x + bend} ${y} ${node.x - bend} ${to} ${node.x} ${to}` }, edges);
  }
  const group = element("g", { class: "node " + node.fate + (is_returned ? " returned" : ""),
                               transform: `translate(${node.x} ${node.y})` }, boxes);
  element("title", {}, group, `${tokenText(current.trace, node.token)}  ${number(node.log_prob)}\n${why(node)}`);
  element("rect", { width: WIDTH, height: HEIGHT, rx: 3 }, group);
  const text = tokenText(current.trace, node.token);
  element("text", { x: 5, y: 15 }, group, text.length > 8 ? text.slice(0, 7) + "…" : text);
  element("text", { x: WIDTH - 5, y: 15, "text-anchor": "end" }, group, node.log_prob.toFixed(2));
  group.addEventListener("mouseenter", () => show(node));
  group.addEventListener("click", () => show(node));
  current.drawn.set(node, { group, edge });
}
function why(node) { return node.fate + (node.why ? ": " + node.why : ""); }
function show(node) {
  document.querySelectorAll("svg .path").forEach((other) => other.classList.remove("path"));
  for (const item of path(node)) {
    const drawn = current.drawn.get(item);
    if (!drawn) continue;
    drawn.group.classList.add("path");
    if (drawn.edge) drawn.edge.classList.add("path");
  }
  const body = byId("detail").tBodies[0];
  body.replaceChildren();
  const line = (name, value) => {
    const row = body.insertRow();
    row.appendChild(document.createElement("th")).textContent = name;
    row.insertCell().textContent = value;
  };
  line("text so far", textOf(node));
  line("token", `${tokenText(current.trace, node.token)} (${node.token})`);
  line("log P(token)", number(node.token_log_prob));
  line("log P(all)", number(node.log_prob) + (node.rank !== node.log_prob ? `, ranked as ${number(node.rank)}` : ""));
  if (node.score !== null) line("score", number(node.score));
  line("what became of it", why(node) + (node.returned === null ? "" : `; part of result ${node.returned + 1}`));
}

traces.forEach((trace, index) => {
  byId("source").add(new Option(trace.title || "source " + trace.source, String(index)));
});
byId("sources").hidden = traces.length < 2;
byId("source").addEventListener("change", () => choose(Number(byId("source").value)));
for (const id of ["beam", "pruned", "banned"]) byId(id).addEventListener("change", draw);
if (traces.length) choose(0);
"""

BODY = """
<p><label id="sources">Source <select id="source"></select></label>
<label id="beams">Beam <select id="beam"></select></label>
<label><input type="checkbox" id="pruned"> pruned</label><label><input type="checkbox" id="banned"> banned</label>
<span class="key" style="border-color:#1446a0;background:#eaf1fd">goes on</span><span class="key"
 style="border-color:#1d7a34;background:#e4f5e7">finished</span><span class="key"
 style="border-color:#ccc;background:#f6f6f6">pruned</span><span class="key"
 style="border-color:#c0392b;background:#fdecec">banned</span></p>
<table id="found"><thead><tr><th>score</th><th>found</th><th></th></tr></thead><tbody></tbody></table>
<div id="tree"></div>
<p class="note">Numbers are log probabilities of the text up to a token. Thick green lines lead to what was returned;
touch a candidate to see its text, its scores and what became of it.</p>
<table id="detail"><tbody></tbody></table>
"""


def beam_trace_page(traces: Sequence[Mapping[str, Any]], title: str = "Beam search") -> str:
    """A self-contained page with the tree of candidates of every traced source.

    Args:
        traces: JSON objects as `pyseq.decode.Trace.as_object` gives them.
        title: of the page.

    Returns:
        the HTML text.

    Example:
        >>> from pyseq.viz import beam_trace_page
        >>> "<svg" in beam_trace_page([]) or "createElementNS" in beam_trace_page([])
        True
    """
    data = json.dumps(list(traces), ensure_ascii=False).replace("<", "\\u003c")  # no text can close the script
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{BODY}\n"
        f'<script type="application/json" id="data">{data}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n'
    )

"""Error analysis of a search as pictures: the score of every reference over that of what was found."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from pyseq.viz.plotting import new_axes, save

if TYPE_CHECKING:
    from pyseq.analysis import BeamAnalysis, BeamExample

COLOURS = {"none": "#9aa5b1", "search": "#c2410c", "model": "#1446a0"}
LABELS = {"none": "right", "search": "the search", "model": "the model"}

STYLE = """
body { font: 16px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff; }
table { border-collapse: collapse; margin: 1rem 0; }
th { text-align: left; font-weight: 600; }
th, td { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #eee; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.dot { display: inline-block; width: .7rem; height: .7rem; border-radius: 50%; margin-right: .4rem; }
.note { color: #666; font-size: .9rem; }
svg { border: 1px solid #eee; max-width: 100%; }
svg circle { cursor: pointer; }
svg circle:hover, svg circle.chosen { stroke: #000; stroke-width: 2; }
svg text { font-size: 13px; fill: #444; }
tr.chosen { background: #fff3d6; }
#examples td { max-width: 24rem; overflow-wrap: anywhere; }
"""
SIZE, MARGIN = 440, 56

SCRIPT = """
"use strict";
const examples = JSON.parse(document.getElementById("data").textContent);
const body = document.querySelector("#examples tbody");
const rows = [];
function cell(row, text, number) {
  const made = row.insertCell();
  made.textContent = text;
  if (number) made.className = "number";
  return made;
}
function score(value) { return value === null ? "−∞" : value.toFixed(3); }
for (const [blame, label, colour, source, reference, hypothesis, target, found] of examples) {
  const row = body.insertRow();
  row.dataset.blame = blame;
  const dot = document.createElement("span");
  dot.className = "dot";
  dot.style.background = colour;
  cell(row, label).prepend(dot);
  cell(row, source); cell(row, reference); cell(row, hypothesis);
  cell(row, score(target), true); cell(row, score(found), true);
  rows.push(row);
}
for (const circle of document.querySelectorAll("svg circle")) {
  circle.addEventListener("click", () => {
    document.querySelectorAll(".chosen").forEach((other) => other.classList.remove("chosen"));
    const row = rows[Number(circle.dataset.example)];
    row.classList.add("chosen");
    circle.classList.add("chosen");
    row.hidden = false;
    row.scrollIntoView({ block: "center" });
  });
}
document.getElementById("blame").addEventListener("change", (event) => {
  const wanted = event.target.value;
  for (const row of rows) row.hidden = wanted !== "" && row.dataset.blame !== wanted;
});
"""


def beam_errors_plot(analysis: BeamAnalysis, to: str | os.PathLike[str] | None = None) -> Any:
    """Draw s(y*) over s(ŷ): above the diagonal the search is to blame, below it the model.

    Args:
        analysis: of `pyseq.analysis.analyze_beam`.
        to: where to save the picture (.svg, .png, .pdf); None: nowhere.

    Returns:
        matplotlib's Axes; sentences without a finite score are left out.

    Raises:
        UnsupportedError: matplotlib is not installed.
    """
    axes = new_axes("score of what was found", "score of the reference")
    shown = _finite_examples(analysis.examples)
    for blame, count in analysis.counts.items():
        of_blame = [example for _, example in shown if example.blame == blame]
        axes.scatter(
            [example.hypothesis_score for example in of_blame],
            [example.reference_score for example in of_blame],
            s=14,
            color=COLOURS[blame],
            label=f"{LABELS[blame]} ({count})",
        )
    low, high = _bounds(shown)
    axes.plot([low, high], [low, high], color="#888", linewidth=1, zorder=0)
    axes.set_title(f"Who errs: beam {analysis.beam_size}")
    axes.legend()
    return save(axes, to)


def beam_errors_page(analyses: Sequence[BeamAnalysis], title: str = "Who errs: the search or the model") -> str:
    """A self-contained page: a table with a line per analysis; of the last one a picture and all sentences.

    Args:
        analyses: of one development set, with different searches.
        title: of the page.

    Returns:
        the HTML text.

    Example:
        >>> from pyseq.analysis import BeamAnalysis, BeamExample
        >>> from pyseq.viz import beam_errors_page
        >>> example = BeamExample("x", "a", "b", -1.0, -2.0, "search")
        >>> "<svg" in beam_errors_page([BeamAnalysis([example], beam_size=4, length_penalty=0.0)])
        True
    """
    last = analyses[-1]
    options = "".join(f'<option value="{blame}">{label}</option>' for blame, label in LABELS.items())
    legend = " ".join(
        f'<span class="dot" style="background:{COLOURS[blame]}"></span>{escape(label)}'
        for blame, label in LABELS.items()
    )
    note = (
        "Above the diagonal the model likes the reference y* better than what the search has found, ŷ: the search errs."
        " Below it the model likes ŷ better: the model errs. A click on a dot shows its sentence."
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{_summary(analyses)}\n"
        f'<p class="note">{note}</p>\n<p>{legend}</p>\n{_picture(last)}\n'
        f'<h2>Sentences (beam {last.beam_size})</h2>\n<label>Show <select id="blame"><option value="">all</option>'
        f'{options}</select></label>\n<table id="examples"><thead><tr><th>blame</th><th>source</th><th>reference</th>'
        "<th>found</th><th>s(y*)</th><th>s(ŷ)</th></tr></thead><tbody></tbody></table>\n"
        f'<script type="application/json" id="data">{_data(last.examples)}</script>\n<script>{SCRIPT}</script>\n'
        "</body>\n</html>\n"
    )


def _summary(analyses: Sequence[BeamAnalysis]) -> str:
    head = (
        "beam size",
        "length penalty",
        "sentences",
        "right",
        "search errs",
        "model errs",
        "of the errors: search",
        "model",
    )
    rows = []
    for analysis in analyses:
        counts = analysis.counts
        shares = [
            "" if math.isnan(share) else f"{share:.1%}" for share in (analysis.search_share, analysis.model_share)
        ]
        numbers = (len(analysis.examples), counts["none"], counts["search"], counts["model"])
        cells = [str(analysis.beam_size), f"{analysis.length_penalty:g}", *map(str, numbers), *shares]
        rows.append("<tr>" + "".join(f'<td class="number">{cell}</td>' for cell in cells) + "</tr>")
    titles = "".join(f"<th>{title}</th>" for title in head)
    return f'<table id="summary"><thead><tr>{titles}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _finite_examples(examples: Sequence[BeamExample]) -> list[tuple[int, BeamExample]]:
    return [
        (number, example)
        for number, example in enumerate(examples)
        if math.isfinite(example.reference_score) and math.isfinite(example.hypothesis_score)
    ]


def _bounds(shown: Sequence[tuple[int, BeamExample]]) -> tuple[float, float]:
    scores = [score for _, example in shown for score in (example.reference_score, example.hypothesis_score)]
    low, high = (min(scores), max(scores)) if scores else (-1.0, 0.0)
    room = 0.05 * max(high - low, 0.1)
    return low - room, high + room


def _picture(analysis: BeamAnalysis) -> str:
    shown = _finite_examples(analysis.examples)
    low, high = _bounds(shown)
    end = MARGIN + SIZE

    def x(score: float) -> float:
        return MARGIN + SIZE * (score - low) / (high - low)

    def y(score: float) -> float:
        return end - SIZE * (score - low) / (high - low)

    dots = "".join(
        f'<circle cx="{x(example.hypothesis_score):.1f}" cy="{y(example.reference_score):.1f}" r="4" '
        f'fill="{COLOURS[example.blame]}" fill-opacity=".75" data-example="{number}"><title>'
        f"{escape(example.source)}\ny*: {escape(example.reference)} ({example.reference_score:.3f})\n"
        f"ŷ: {escape(example.hypothesis)} ({example.hypothesis_score:.3f})</title></circle>"
        for number, example in shown
    )
    ticks = "".join(
        f'<text x="{x(score):.1f}" y="{end + 18}" text-anchor="middle">{score:.1f}</text>'
        f'<text x="{MARGIN - 6}" y="{y(score) + 4:.1f}" text-anchor="end">{score:.1f}</text>'
        for score in (low + (high - low) * part / 4 for part in range(5))
    )
    width = end + MARGIN
    return (
        f'<svg viewBox="0 0 {width} {width}" width="{width}" height="{width}" role="img" '
        f'aria-label="scores of references over scores found"><rect x="{MARGIN}" y="{MARGIN}" width="{SIZE}" '
        f'height="{SIZE}" fill="none" stroke="#ccc"/><line x1="{MARGIN}" y1="{end}" x2="{end}" y2="{MARGIN}" '
        f'stroke="#888"/>{ticks}<text x="{MARGIN + SIZE / 2}" y="{end + 40}" text-anchor="middle">s(ŷ), found</text>'
        f'<text x="{MARGIN}" y="{MARGIN - 14}">s(y*), reference</text>{dots}</svg>'
    )


def _data(examples: Sequence[BeamExample]) -> str:
    rows = [
        (
            example.blame,
            LABELS[example.blame],
            COLOURS[example.blame],
            example.source,
            example.reference,
            example.hypothesis,
            *(score if math.isfinite(score) else None for score in (example.reference_score, example.hypothesis_score)),
        )
        for example in examples
    ]
    return json.dumps(rows, ensure_ascii=False).replace("<", "\\u003c")  # no text can close the script

"""What debiasing changed, as a page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #222; background: #fff; max-width: 60rem; }
h1 { font-size: 1.3rem; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 .4rem; }
table { border-collapse: collapse; }
th { font-weight: 400; color: #666; text-align: left; padding-right: 1.5rem; }
td { padding: .1rem 1.5rem .1rem 0; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
svg text { font: 12px system-ui, sans-serif; }
.before { fill: #c0392b; }
.after { fill: #1446a0; }
.axis { stroke: #ccc; }
.way { stroke: #ddd; stroke-width: 2; }
.note { color: #666; font-size: .9rem; }
"""
WIDTH, LEFT, ROW, TOP = 640, 110, 18, 24


def bias_page(report: Mapping[str, Any], title: str = "Bias before and after") -> str:
    """A self-contained page of a bias report: a table of measures, and where words lean.

    Args:
        report: as `pyseq.embeddings.bias_report` gives it.
        title: of the page.

    Returns:
        the HTML text.

    Example:
        >>> from pyseq.viz import bias_page
        >>> report = {"direct_bias": [0.1, 0.0], "pairs": [0.1, 0.0], "leanings": {"nurse": [0.3, 0.0]}, "weat": {}}
        >>> "nurse" in bias_page(report)
        True
    """
    rows = [("direct bias", report["direct_bias"]), ("difference to pairs", report["pairs"])]
    for name, (before, after) in report["weat"].items():
        rows += [(f"WEAT {name}: effect", [before[0], after[0]]), (f"WEAT {name}: p-value", [before[1], after[1]])]
    if "similarity" in report:
        rows.append(("word similarity: Spearman", report["similarity"]))
    cells = "".join(
        f'<tr><td>{escape(name)}</td><td class="number">{before:.3f}</td><td class="number">{after:.3f}</td></tr>'
        for name, (before, after) in rows
    )
    table = (
        '<table id="measures"><thead><tr><th></th><th class="number">before</th><th class="number">after</th></tr>'
        f"</thead><tbody>{cells}</tbody></table>"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{table}\n"
        "<h2>Cosines of words with the direction</h2>\n"
        f'{_chart(report["leanings"])}\n<p class="note">Red: before, blue: after.</p>\n</body>\n</html>\n'
    )


def _chart(leanings: Mapping[str, list[float]]) -> str:
    """A line per word, from where it leaned to where it leans."""
    bound = max([abs(value) for values in leanings.values() for value in values], default=0.0) or 1.0

    def x(value: float) -> float:
        return LEFT + (1 + value / bound) * (WIDTH - LEFT - 20) / 2

    height = TOP + ROW * len(leanings) + 10
    parts = [
        f'<line class="axis" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{TOP - 6}" y2="{height}"/>',
        f'<text x="{x(-bound):.1f}" y="14">{-bound:.2f}</text>',
        f'<text x="{x(bound):.1f}" y="14" text-anchor="end">{bound:.2f}</text>',
    ]
    for place, (word, (before, after)) in enumerate(leanings.items()):
        y = TOP + ROW * place + ROW / 2
        parts.append(
            f'<g class="leaning"><title>{escape(word)}: {before:.3f} → {after:.3f}</title>'
            f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(word)}</text>'
            f'<line class="way" x1="{x(before):.1f}" x2="{x(after):.1f}" y1="{y}" y2="{y}"/>'
            f'<circle class="before" cx="{x(before):.1f}" cy="{y}" r="4"/>'
            f'<circle class="after" cx="{x(after):.1f}" cy="{y}" r="4"/></g>'
        )
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img"'
        f' aria-label="leanings of words">{"".join(parts)}</svg>'
    )

"""Attention as a page: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONG = 2  # characters; where a column has a longer word, all of them stand upright

STYLE = """
body { font: 16px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff; }
h2 { font-size: 1.1rem; font-weight: 600; margin: 2rem 0 .5rem; }
.map { overflow-x: auto; }
table { border-collapse: collapse; font-family: ui-monospace, monospace; }
th { font-weight: 400; padding: 0 .15rem; height: 1.6rem; min-width: 1.1rem; }
.words thead th { vertical-align: bottom; }
.words thead span { writing-mode: vertical-rl; transform: rotate(180deg); }
tbody th { white-space: nowrap; text-align: right; padding-right: .5rem; }
td { width: 1.3rem; min-width: 1.1rem; height: 1.6rem; padding: 0; border: 1px solid #f4f4f4; }
tr:hover td { border-color: #bbb; }
.note { color: #666; font-size: .9rem; }
"""


@dataclass(frozen=True)
class AttentionMap:
    """What one output looked at: weights [rows, columns]."""

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    weights: NDArray[Any]

    def checked(self, name: str) -> NDArray[Any]:
        """The weights.

        Raises:
            ValueError: they have another shape than the tokens.
        """
        weights = np.asarray(self.weights)
        if weights.shape != (len(self.rows), len(self.columns)):
            raise ValueError(f"{name}: weights {list(weights.shape)}, expected [{len(self.rows)}, {len(self.columns)}]")
        return weights


def attention_page(maps: Sequence[AttentionMap], title: str = "Attention") -> str:
    """A page with a heat map for each output: rows are written tokens, columns read ones.

    Args:
        maps: what to show.
        title: of the page.

    Returns:
        the HTML text.

    Raises:
        ValueError: weights of another shape than their tokens.

    Example:
        >>> import numpy as np
        >>> from pyseq.viz import AttentionMap, attention_page
        >>> "<table" in attention_page([AttentionMap("one", ["x"], ["a", "b"], np.array([[0.25, 0.75]]))])
        True
    """
    body = "\n".join(_section(item) for item in maps)
    note = '<p class="note">The darker a cell, the more its row looked at its column; rows add up to 1.</p>'
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{note}\n{body}\n</body>\n</html>\n"
    )


def _section(item: AttentionMap) -> str:
    weights = item.checked("attention_page")
    upright = ' class="words"' if any(len(token) > LONG for token in item.columns) else ""
    head = "".join(f"<th><span>{_token(token)}</span></th>" for token in item.columns)
    lines = "".join(_row(token, item.columns, row) for token, row in zip(item.rows, weights.tolist(), strict=True))
    table = f"<table{upright}><thead><tr><th></th>{head}</tr></thead><tbody>{lines}</tbody></table>"
    return f'<section><h2>{escape(item.title)}</h2><div class="map">{table}</div></section>'


def _row(token: str, columns: Sequence[str], weights: list[float]) -> str:
    cells = "".join(_cell(token, column, weight) for column, weight in zip(columns, weights, strict=True))
    return f"<tr><th>{_token(token)}</th>{cells}</tr>"


def _token(token: str) -> str:
    return escape(token) if token.strip() else "&nbsp;"


def _cell(row: str, column: str, weight: float) -> str:
    share = min(max(weight, 0.0), 1.0)
    label = escape(f"{row} ← {column}: {weight:.3f}", quote=True)
    return f'<td style="background:rgba(20,70,160,{share:.3f})" title="{label}"></td>'

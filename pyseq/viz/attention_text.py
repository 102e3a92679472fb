"""Attention as a heat map of characters, for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHADES = " ░▒▓█"
# Greys and blues of the 256 colours that terminals know, from nothing to all.
COLOURS = (232, 17, 18, 19, 20, 26, 32, 38, 44, 50, 87, 123, 159, 195, 231)


def attention_text(rows: Sequence[str], columns: Sequence[str], weights: NDArray[Any], colour: bool = False) -> str:
    """A heat map: a line per row, a cell per column.

    Args:
        rows: the tokens that were written.
        columns: the tokens that were read; at most two cells wide each.
        weights: [rows, columns], from 0 to 1.
        colour: with the 256 colours of terminals; False: with shades.

    Returns:
        lines joined by newlines, no newline at the end.

    Raises:
        ValueError: the weights have another shape.

    Example:
        >>> import numpy as np
        >>> from pyseq.viz import attention_text
        >>> print(attention_text(["x", "y"], ["a", "b", "c"], np.array([[1, 0, 0], [0, 0.5, 0.5]])))
          abc
        x █
        y  ▒▒
    """
    weights = np.asarray(weights)
    if weights.shape != (len(rows), len(columns)):
        raise ValueError(f"attention_text: weights {list(weights.shape)}, expected [{len(rows)}, {len(columns)}]")
    width = max((cells(token) for token in columns), default=1)
    margin = max((cells(token) for token in rows), default=1)
    lines = [" " * (margin + 1) + "".join(padded(token, width) for token in columns)]
    for token, values in zip(rows, weights, strict=True):
        lines.append(padded(token, margin) + " " + "".join(_cell(float(value), width, colour) for value in values))
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: float, width: int, colour: bool) -> str:
    share = min(max(value, 0.0), 1.0)
    if not colour:
        return SHADES[round(share * (len(SHADES) - 1))] * width
    return f"\x1b[48;5;{COLOURS[round(share * (len(COLOURS) - 1))]}m{' ' * width}\x1b[0m"


def cells(token: str) -> int:
    """How many cells of a terminal a token takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in _visible(token))


def padded(token: str, width: int) -> str:
    """A token and blanks behind it."""
    return _visible(token) + " " * (width - cells(token))


def _visible(token: str) -> str:
    """What has no cell of its own gets one: marks, and characters that show nothing."""
    if len(token) != 1:
        return token
    category = unicodedata.category(token)
    return "·" if category in ("Mn", "Me", "Mc", "Cf", "Cc", "Zl", "Zp") else token

"""Attention as a picture: a heat map with the words on both axes."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from pyseq.viz.attention_page import AttentionMap
from pyseq.viz.plotting import new_figure, plain, set_title

CELL = 0.3  # inches of a row or column
LONG = 2  # characters; longer words on the horizontal axis stand upright


def attention_plot(item: AttentionMap, to: str | os.PathLike[str] | None = None) -> Any:
    """Draw what every written word looked at: rows are written words, columns read ones.

    Args:
        item: words of both sides, and weights.
        to: where to save the picture (.svg, .png, .pdf); None: nowhere.

    Returns:
        matplotlib's Axes.

    Raises:
        ValueError: weights of another shape than their words. UnsupportedError: matplotlib is not installed.

    Example:
        >>> import numpy as np
        >>> from pyseq.viz import AttentionMap, attention_plot
        >>> axes = attention_plot(AttentionMap("le chat", ["the", "cat"], ["le", "chat"], np.eye(2)))
        >>> [label.get_text() for label in axes.get_yticklabels()]
        ['the', 'cat']
    """
    weights = item.checked("attention_plot")
    rows, columns = weights.shape
    figure = new_figure(max(3.0, 1.6 + CELL * columns), max(2.0, 1.4 + CELL * rows))
    axes = figure.subplots()
    image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    axes.set_xticks(np.arange(columns), [_shown(token) for token in item.columns])
    axes.set_yticks(np.arange(rows), [_shown(token) for token in item.rows])
    axes.xaxis.tick_top()
    if any(len(token) > LONG for token in item.columns):
        axes.tick_params(axis="x", labelrotation=90)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e8e8e8", linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    set_title(figure, item.title)
    figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02)
    if to is not None:
        figure.savefig(os.fspath(to), dpi=150)
    return axes


def _shown(token: str) -> str:
    return plain(token) if token.strip() else "␣"

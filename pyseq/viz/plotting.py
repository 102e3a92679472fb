"""matplotlib, imported when a picture is asked for."""

from __future__ import annotations

import importlib
import os
from typing import Any

from pyseq import _core


def new_axes(x: str, y: str) -> Any:
    """Axes of a new figure, which no window shows and no global state keeps.

    Raises:
        UnsupportedError: matplotlib is not installed.
    """
    try:
        figures: Any = importlib.import_module("matplotlib.figure")
    except ImportError:
        raise _core.UnsupportedError('pictures need matplotlib: pip install "pyseq[viz]"') from None
    axes = figures.Figure(figsize=(7, 4), layout="constrained").subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def save(axes: Any, file: str | os.PathLike[str] | None) -> Any:
    """Write the figure of some axes when there is a file to write; give the axes back."""
    if file is not None:
        axes.figure.savefig(os.fspath(file))
    return axes

"""matplotlib, imported when a picture is asked for."""

from __future__ import annotations

import importlib
import os
import textwrap
from typing import Any

from pyseq import _core


def new_axes(x: str, y: str) -> Any:
    """Axes of a new figure, which no window shows and no global state keeps.

    Raises:
        UnsupportedError: matplotlib is not installed.
    """
    axes = new_figure(7, 4).subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def new_figure(width: float, height: float) -> Any:
    """A figure of a size in inches, likewise.

    Raises:
        UnsupportedError: matplotlib is not installed.
    """
    try:
        figures: Any = importlib.import_module("matplotlib.figure")
    except ImportError:
        raise _core.UnsupportedError('pictures need matplotlib: pip install "pyseq[viz]"') from None
    return figures.Figure(figsize=(width, height), layout="constrained")


def set_title(figure: Any, title: str) -> None:
    """A title above everything, in lines as long as the figure is wide."""
    width = max(12, int(11 * figure.get_figwidth()))  # about 11 characters per inch
    figure.suptitle(plain("\n".join(textwrap.wrap(title, width) or [""])), fontsize=11)


def plain(text: str) -> str:
    """A text in which matplotlib finds no formulas."""
    return text.replace("$", r"\$")


def save(axes: Any, file: str | os.PathLike[str] | None) -> Any:
    """Write the figure of some axes when there is a file to write; give the axes back."""
    if file is not None:
        axes.figure.savefig(os.fspath(file))
    return axes

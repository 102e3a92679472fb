"""Attention over pictures: what a caption looked at, word by word."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq.viz.plotting import new_figure, plain, set_title
from pyseq.viz.png import data_uri

COLUMNS = 6  # panels side by side in a picture
PANEL = 1.6  # inches
SHADE, DARKEST = (40, 44, 52), 0.85  # over what was not looked at

STYLE = """
body { font: 16px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff; }
h2 { font-size: 1.1rem; font-weight: 600; margin: 2rem 0 .5rem; }
.panels { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; width: 10rem; }
figcaption { text-align: center; margin-top: .3rem; overflow-wrap: anywhere; }
.picture { position: relative; border: 1px solid #ddd; }
.picture img { display: block; width: 100%; image-rendering: pixelated; }
.grid { position: absolute; inset: 0; display: grid; }
.note { color: #666; font-size: .9rem; }
"""


@dataclass(frozen=True)
class CaptionMap:
    """What the words of one caption looked at.

    Attributes:
        title: the caption, for instance.
        image: [height, width, 3] uint8.
        words: of the caption.
        weights: [words, places], places row by row.
        grid: rows and columns of the places.
    """

    title: str
    image: NDArray[Any]
    words: Sequence[str]
    weights: NDArray[Any]
    grid: tuple[int, int]

    def checked(self, name: str) -> NDArray[Any]:
        """The weights [words, rows, columns].

        Raises:
            ValueError: they have another shape than the words and the grid.
        """
        weights = np.asarray(self.weights)
        rows, columns = self.grid
        if weights.shape != (len(self.words), rows * columns):
            raise ValueError(f"{name}: weights {list(weights.shape)}, expected [{len(self.words)}, {rows} · {columns}]")
        return weights.reshape(len(self.words), rows, columns)


def caption_plot(item: CaptionMap, to: str | os.PathLike[str] | None = None) -> Any:
    """Draw the picture, then for every word what it looked at; each panel has its own scale.

    Args:
        item: picture, words and weights.
        to: where to save it (.svg, .png, .pdf); None: nowhere.

    Returns:
        matplotlib's Figure.

    Raises:
        ValueError: weights of another shape. UnsupportedError: matplotlib is not installed.

    Example:
        >>> import numpy as np
        >>> from pyseq.viz import CaptionMap, caption_plot
        >>> image, weights = np.full((8, 8, 3), 255, np.uint8), np.full((2, 4), 0.25)
        >>> figure = caption_plot(CaptionMap("red heart", image, ["red", "heart"], weights, (2, 2)))
        >>> [axes.get_title() for axes in figure.axes[1:3]]
        ['red', 'heart']
    """
    weights = item.checked("caption_plot")
    panels = 1 + len(item.words)
    columns = min(COLUMNS, panels)
    rows = -(-panels // columns)
    figure = new_figure(PANEL * columns, (PANEL + 0.3) * rows + 0.4)
    all_axes = np.asarray(figure.subplots(rows, columns, squeeze=False)).ravel()
    height, width = item.image.shape[:2]
    for axes in all_axes:
        axes.set_axis_off()
    for number, axes in enumerate(all_axes[:panels]):
        axes.imshow(item.image, interpolation="nearest", extent=(0, width, height, 0))
        if number:
            axes.set_title(plain(item.words[number - 1]), fontsize=10)
            axes.imshow(_overlay(weights[number - 1]), interpolation="nearest", extent=(0, width, height, 0))
    set_title(figure, item.title)
    if to is not None:
        figure.savefig(os.fspath(to), dpi=150)
    return figure


def _overlay(weights: NDArray[Any]) -> NDArray[Any]:
    """[rows, columns, 4]: a shade, the more opaque the less a place was looked at."""
    colour = np.broadcast_to(np.array(SHADE) / 255, (*weights.shape, 3))
    return np.concatenate([colour, DARKEST * (1 - _shares(weights))[..., None]], axis=-1)


def _shares(weights: NDArray[Any]) -> NDArray[Any]:
    """Relative to the place that was looked at most."""
    shares: NDArray[Any] = np.clip(weights, 0, None) / max(float(weights.max(initial=0)), 1e-9)
    return shares


def caption_page(maps: Sequence[CaptionMap], title: str = "Captions: what every word looked at") -> str:
    """A page that needs nothing else: per picture a panel for every word.

    Args:
        maps: what to show.
        title: of the page.

    Returns:
        the HTML text.

    Raises:
        ValueError: weights of another shape than their words and grid.

    Example:
        >>> import numpy as np
        >>> from pyseq.viz import CaptionMap, caption_page
        >>> image, weights = np.full((8, 8, 3), 255, np.uint8), np.full((2, 4), 0.25)
        >>> caption_page([CaptionMap("red heart", image, ["red", "heart"], weights, (2, 2))]).count("<figure>")
        3
    """
    body = "\n".join(_section(item) for item in maps)
    note = '<p class="note">The brighter a place, the more its word looked at it (in each panel by itself).</p>'
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{note}\n{body}\n</body>\n</html>\n"
    )


def _section(item: CaptionMap) -> str:
    weights = item.checked("caption_page")
    image = f'<img src="{data_uri(np.ascontiguousarray(item.image))}" alt="{escape(item.title, quote=True)}">'
    panels = [f'<figure><div class="picture">{image}</div></figure>']
    for word, places in zip(item.words, weights, strict=True):
        overlay = _grid(word, places)
        panels.append(
            f'<figure><div class="picture">{image}{overlay}</div><figcaption>{escape(word)}</figcaption></figure>'
        )
    return f'<section><h2>{escape(item.title)}</h2><div class="panels">{"".join(panels)}</div></section>'


def _grid(word: str, weights: NDArray[Any]) -> str:
    red, green, blue = SHADE
    cells = "".join(
        f'<div style="background:rgba({red},{green},{blue},{DARKEST * (1 - share):.3f})" '
        f'title="{escape(word, quote=True)}: {weight:.3f}"></div>'
        for weight, share in zip(weights.ravel().tolist(), _shares(weights).ravel().tolist(), strict=True)
    )
    return f'<div class="grid" style="grid-template-columns:repeat({weights.shape[1]},1fr)">{cells}</div>'

"""Captioner: pictures in, hypotheses out."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.program import Program
from pyseq.search_options import SearchOptions, SearchPlan
from pyseq.tasks.hypothesis import Hypothesis, token_id

if TYPE_CHECKING:
    from typing_extensions import Unpack

Array = NDArray[Any]


class Captioner:
    """Says what pictures show, with a program whose task is "captioner". Made by `pyseq.load`.

    Usable from many threads at once. The result for a picture does not depend on the pictures beside it.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._core = _core.Captioner(program.core)
        self._vocabulary = program.vocabulary(program.task["vocabulary"])

    @property
    def image_size(self) -> tuple[int, int, int]:
        """Height, width and channels of a picture."""
        height, width, channels = self._core.image_size
        return height, width, channels

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the places that attention is given for; zeros where the model has none."""
        rows, columns = self._core.grid
        return rows, columns

    def caption(self, image: Array, **options: Any) -> Hypothesis:
        """The best caption of one picture [height, width, channels]; options as for `caption_batch`."""
        return self.caption_batch(np.asarray(image)[None], **options)[0][0]

    def caption_batch(
        self,
        images: Array,
        *,
        prefixes: Sequence[str] = (),
        deadline: float | None = None,
        cancel: _core.CancelToken | None = None,
        **options: Unpack[SearchOptions],
    ) -> list[list[Hypothesis]]:
        """Caption pictures.

        Args:
            images: [batch, height, width, channels] of `image_size`: uint8, or float32 from 0 (black) to 1.
            prefixes: per picture what its captions begin with; () for nothing.
            deadline: seconds after which the call gives up.
            cancel: a token that makes the call stop.
            options: see `pyseq.search_options.SearchOptions`. Attention is [tokens, places]; places are those of
                `grid`, row by row.

        Returns:
            per picture its hypotheses, best first.

        Raises:
            ShapeError, DTypeError: other images. ArgumentError: an impossible option. DeadlineError, CancelledError.
        """
        plan = SearchPlan(options, lambda token: token_id(token, self._vocabulary, "caption"), self._core)
        each = plan.sources(len(images), [self._vocabulary.encode(prefix) for prefix in prefixes])
        found = self._core.caption_batch(np.ascontiguousarray(images), plan.core, each, deadline, cancel)
        return [[Hypothesis.of_core(caption, "", self._vocabulary) for caption in captions] for captions in found]

    def read(self, files: Sequence[str | PathLike[str]]) -> Array:
        """Pictures from files, scaled to `image_size`: [files, height, width, channels] uint8.

        Args:
            files: in any format that Pillow reads; what is transparent becomes white.

        Raises:
            UnsupportedError: Pillow is not installed. FormatError: a file is not a picture.
        """
        return np.stack([read_image(file, self.image_size) for file in files])

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file: what `pyseq.load` and C++ open."""
        self.program.save(file)


def read_image(file: str | PathLike[str], size: tuple[int, int, int]) -> Array:
    """A picture as [height, width, channels] uint8 (channels 1 or 3); what is transparent becomes white.

    Raises:
        UnsupportedError: Pillow is not installed. FormatError: the file is not a picture.
    """
    try:
        pillow: Any = importlib.import_module("PIL.Image")
    except ImportError:
        raise _core.UnsupportedError('pictures are read by Pillow: pip install "pyseq[images]"') from None
    height, width, channels = size
    try:
        with pillow.open(file) as opened:
            image = opened.convert("RGBA")
    except pillow.UnidentifiedImageError:
        raise _core.FormatError(f"{file}: not a picture that Pillow reads") from None
    if image.size != (width, height):
        image = image.resize((width, height), pillow.Resampling.BOX if image.width > width else None)
    ground = pillow.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    pixels = np.asarray(ground.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(height, width, channels)

"""Encoder: texts as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.program import Program
from pyseq.tasks.token_ids import batches, tokenizer_of

Array = NDArray[Any]


class Encoder:
    """Turns texts into vectors with a program whose task is "encoder". Made by `pyseq.load`.

    Usable from many threads at once. The result for a text does not depend on the texts beside it.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task. UnsupportedError: the tokenizer's library is not installed.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tokenizer = tokenizer_of(program, "encoder")

    def embed(
        self, texts: str | Sequence[str], *, deadline: float | None = None, cancel: _core.CancelToken | None = None
    ) -> Array:
        """A vector per text, pooled (and normalised) as the model wants it.

        Args:
            texts: one text or several; what is longer than the model reads is cut.
            deadline: seconds after which a batch gives up.
            cancel: a token that makes the call stop.

        Returns:
            [texts, width] float32, or [width] for one text.

        Raises:
            DeadlineError, CancelledError.
        """
        if isinstance(texts, str):
            vector: Array = self.embed([texts], deadline=deadline, cancel=cancel)[0]
            return vector
        return self.embed_ids([self.tokenizer.encode(text) for text in texts], deadline=deadline, cancel=cancel)

    def embed_ids(
        self, ids: Sequence[Sequence[int]], *, deadline: float | None = None, cancel: _core.CancelToken | None = None
    ) -> Array:
        """The same for token ids, marks included."""
        vectors: Array | None = None
        for rows, inputs in batches(ids):
            found = self.program.run("embed", deadline=deadline, cancel=cancel, **inputs)["output"]
            if vectors is None:
                vectors = np.empty((len(ids), found.shape[1]), np.float32)
            vectors[rows] = found
        return np.zeros((0, 0), np.float32) if vectors is None else vectors

    def encode(
        self, texts: Sequence[str], *, deadline: float | None = None, cancel: _core.CancelToken | None = None
    ) -> list[Array]:
        """The vectors of all tokens of each text, marks included: arrays [tokens, width]; arguments as for `embed`."""
        ids = [self.tokenizer.encode(text) for text in texts]
        vectors: list[Any] = [None] * len(ids)
        for rows, inputs in batches(ids):
            found = self.program.run("encode", deadline=deadline, cancel=cancel, **inputs)["output"]
            for place, row in enumerate(rows):
                vectors[row] = found[place, : len(ids[row])].copy()
        return vectors

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file: what `pyseq.load` and C++ open."""
        self.program.save(file)

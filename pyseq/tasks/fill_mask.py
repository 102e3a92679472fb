"""FillMask: what may stand in place of a masked token."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import numpy as np

from pyseq import _core
from pyseq.program import Program
from pyseq.tasks.token_ids import batches, tokenizer_of


@dataclass(frozen=True)
class Filling:
    """One token for a mask."""

    token: str  # as the vocabulary has it
    text: str  # as it reads in a text
    probability: float


class FillMask:
    """Fills gaps with a program whose task is "fill_mask". Made by `pyseq.load`.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task. UnsupportedError: the tokenizer's library is not installed.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tokenizer = tokenizer_of(program, "fill_mask")
        self.mask = str(program.task["mask"])
        self._mask_id = list(self.tokenizer.tokens).index(self.mask)

    def fill(
        self,
        text: str,
        top_k: int = 5,
        *,
        deadline: float | None = None,
        cancel: _core.CancelToken | None = None,
    ) -> list[list[Filling]]:
        """The likeliest tokens for every mask in a text.

        Args:
            text: with masks (`self.mask`) in it.
            top_k: how many for each.
            deadline: seconds after which a run gives up.
            cancel: a token that makes the call stop.

        Returns:
            per mask its fillings, the likeliest first.

        Raises:
            ArgumentError: no mask in the text. DeadlineError, CancelledError.
        """
        ids = self.tokenizer.encode(text)
        places = [place for place, id in enumerate(ids) if id == self._mask_id]
        if not places:
            raise _core.ArgumentError(f"fill_mask: the text has no {self.mask}")
        (_, inputs), *_ = batches([ids])
        vectors = self.program.run("encode", deadline=deadline, cancel=cancel, **inputs)["output"][0, places]
        vectors = np.ascontiguousarray(vectors)
        logits = self.program.run("predict", deadline=deadline, cancel=cancel, vectors=vectors)["logits"]
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        found = []
        for row in weights:
            best = np.argsort(-row, kind="stable")[:top_k]
            found.append(
                [Filling(self.tokenizer.tokens[id], self.tokenizer.decode([id]).strip(), float(row[id])) for id in best]
            )
        return found

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file: what `pyseq.load` and C++ open."""
        self.program.save(file)

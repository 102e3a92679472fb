"""Classifier: a label for a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

from pyseq import _core
from pyseq.program import Program


@dataclass(frozen=True)
class Classification:
    """What a classifier finds a text to be."""

    label: str  # the most likely one
    probability: float
    ranking: list[tuple[str, float]]  # all labels with their probabilities, the most likely first


class Classifier:
    """Puts texts into classes with a program whose task is "classifier". Made by `pyseq.load`.

    Usable from many threads at once. The result for a text does not depend on the texts beside it.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._core = _core.Classifier(program.core)

    @property
    def labels(self) -> list[str]:
        """All labels."""
        return list(self._core.labels)

    def classify(self, text: str) -> Classification:
        """The class of one text; see `classify_batch`."""
        return self.classify_batch([text])[0]

    def classify_batch(
        self, texts: Sequence[str], deadline: float | None = None, cancel: _core.CancelToken | None = None
    ) -> list[Classification]:
        """The classes of texts: P(label | text) = softmax(logits).

        Args:
            texts: none of them empty.
            deadline: seconds after which the call gives up.
            cancel: a token that makes the call stop.

        Raises:
            ArgumentError: an empty text. OutOfRangeError: a character or word that the model does not know.
            DeadlineError, CancelledError.
        """
        rankings = self._core.classify_batch(list(texts), deadline, cancel)
        return [Classification(*ranking[0], ranking) for ranking in rankings]

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file: what `pyseq.load` and C++ open."""
        self.program.save(file)

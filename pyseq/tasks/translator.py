"""Translator: text in, hypotheses out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.program import Program

Array = NDArray[Any]


@dataclass(frozen=True)
class Hypothesis:
    """One translation."""

    text: str
    tokens: list[str]
    ids: list[int]  # without start and end marks
    score: float  # log probability / length ** length_penalty, the end mark counted in the length
    token_log_probs: list[float]  # one per token, and one for the end mark when finished
    finished: bool  # False: cut at max_length
    attention: Array | None = None  # [tokens, source tokens], when asked for and known to the model


class Translator:
    """Turns texts into texts with a program whose task is "translator". Made by `pyseq.load`.

    Usable from many threads at once. The result for a text does not depend on the texts beside it.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._core = _core.Translator(program.core)

    def translate(self, text: str, *, target_prefix: str = "", **options: Any) -> Hypothesis:
        """The best translation of one text that begins with target_prefix; other options as for `translate_batch`."""
        return self.translate_batch([text], target_prefixes=[target_prefix], **options)[0][0]

    def translate_batch(
        self,
        texts: Sequence[str],
        *,
        beam_size: int = 1,
        n_best: int = 1,
        length_penalty: float = 0.0,
        patience: float = 1.0,
        min_length: int = 0,
        max_length: int = 0,
        return_attention: bool = False,
        target_prefixes: Sequence[str] = (),
        deadline: float | None = None,
        cancel: _core.CancelToken | None = None,
    ) -> list[list[Hypothesis]]:
        """Translate texts.

        Args:
            texts: the sources.
            beam_size: hypotheses kept at each step; 1 is greedy search.
            n_best: hypotheses per text, at most beam_size.
            length_penalty: scores are log probabilities divided by length ** length_penalty, the end mark counted.
            patience: with a length penalty, stop after round(beam_size · patience) finished hypotheses.
            min_length: tokens before the end mark is allowed.
            max_length: tokens before a hypothesis is cut; 0 for the model's own limit.
            return_attention: give attention too, where the model knows it.
            target_prefixes: per text what its translations begin with; () for nothing.
            deadline: seconds after which the call gives up.
            cancel: a token that makes the call stop.

        Returns:
            per text its hypotheses, best first.

        Raises:
            ArgumentError: an impossible option. OutOfRangeError: a character that the model does not know and that it
                has no unknown token for. DeadlineError, CancelledError.
        """
        options = _core.DecodingOptions(
            beam_size=beam_size,
            n_best=n_best,
            length_penalty=length_penalty,
            patience=patience,
            min_length=min_length,
            max_length=max_length,
            return_attention=return_attention,
        )
        found = self._core.translate_batch(list(texts), options, list(target_prefixes), deadline, cancel)
        return [[_hypothesis(translation) for translation in translations] for translations in found]

    def score(
        self,
        source: str,
        target: str,
        *,
        length_penalty: float = 0.0,
        deadline: float | None = None,
        cancel: _core.CancelToken | None = None,
    ) -> Hypothesis:
        """How likely the model finds a given translation.

        Args:
            source: the text.
            target: its translation.
            length_penalty: the score is the log probability divided by length ** length_penalty.
            deadline: seconds after which the call gives up.
            cancel: a token that makes the call stop.

        Raises:
            ArgumentError: an empty source. OutOfRangeError: a character that the model does not know.
        """
        return _hypothesis(self._core.score(source, target, length_penalty, deadline, cancel))

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file: what `pyseq.load` and C++ open."""
        self.program.save(file)


def _hypothesis(found: _core.Translation) -> Hypothesis:
    return Hypothesis(
        text=found.text,
        tokens=list(found.tokens),
        ids=list(found.ids),
        score=found.score,
        token_log_probs=list(found.token_log_probs),
        finished=found.finished,
        attention=None if found.attention is None else np.asarray(found.attention),
    )

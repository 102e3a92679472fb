"""Hypothesis: one result of a search, with its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.search_trace import Trace

Array = NDArray[Any]


@dataclass(frozen=True)
class Hypothesis:
    """One translation, caption, or continuation of a prompt."""

    text: str
    tokens: list[str]
    ids: list[int]  # without start and end marks
    score: float  # log probability / length ** length_penalty, the end mark counted in the length
    token_log_probs: list[float]  # one per token, and one for the end mark when finished
    finished: bool  # False: cut at max_length or where the model has no positions left, or stopped
    attention: Array | None = None  # [tokens, source tokens], when asked for and known to the model
    trace: Trace | None = None  # of the search of its source, when asked for
    top_tokens: list[list[tuple[str, float]]] | None = None  # the likeliest (token, log probability), if asked for

    @classmethod
    def of_core(
        cls, found: _core.Translation | _core.Caption | _core.Continuation, source: str, vocabulary: _core.Vocabulary
    ) -> Hypothesis:
        """What the core found; `source` is what a trace calls it."""
        top_tokens = [[(vocabulary.token(id), log_prob) for id, log_prob in place] for place in found.top_tokens]
        return cls(
            text=found.text,
            tokens=list(found.tokens),
            ids=list(found.ids),
            score=found.score,
            token_log_probs=list(found.token_log_probs),
            finished=found.finished,
            attention=None if found.attention is None else np.asarray(found.attention),
            trace=None if found.trace is None else Trace.of_vocabulary(found.trace, source, vocabulary),
            top_tokens=top_tokens or None,
        )


def token_id(token: str, vocabulary: _core.Vocabulary, caller: str) -> int:
    """The id of a token's text.

    Raises:
        ArgumentError: the vocabulary has no such token.
    """
    found = vocabulary.find(token)
    if found is None:
        raise _core.ArgumentError(f"{caller}: {token!r} is not a token of the vocabulary")
    return found

"""How the tokens of a text are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from pyseq import _core
from pyseq.constraints import Allowed, ConstraintReader, automata


class DrawingOptions(TypedDict, total=False):
    """How tokens of a text are drawn.

    max_length (0): tokens to write; 0 for the model's own limit. Writing ends before where its positions do.
    temperature (1): below 1 prefers likely tokens, above 1 evens them out; 0 always takes the likeliest.
    top_k (0): only the k likeliest tokens; 0 for all.
    top_p (1): only the likeliest tokens that together have this probability.
    min_p (0): only tokens with at least this share of the largest probability.
    seed (0): the same seed gives the same text, on every machine with the same tier.
    stream (0): a number per request, for different texts of one seed.
    allowed (): a `pyseq.decode.Regex` or `Trie`, or a list of such, which everything behind the prompt is in; writing
        ends where the end mark is drawn, where nothing more is allowed, or at max_length.
    """

    max_length: int
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    seed: int
    stream: int
    allowed: Allowed | Sequence[Allowed]


def drawing_options(options: DrawingOptions, reader: ConstraintReader) -> _core.GenerationOptions:
    """Options in the form that the core takes.

    Raises:
        ArgumentError: an option that does not exist.
    """
    unknown = sorted(set(options) - set(DrawingOptions.__annotations__))
    if unknown:
        known = ", ".join(DrawingOptions.__annotations__)
        raise _core.ArgumentError(f"generate: unknown option {', '.join(unknown)}, expected {known}")
    given: dict[str, Any] = dict(options)
    allowed = automata(given.pop("allowed", ()), reader)
    return _core.GenerationOptions(allowed=allowed, **given)

"""Generator: a language model that continues texts and judges them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from pyseq import _core
from pyseq.constraints import Allowed, ConstraintReader, automata
from pyseq.program import Program


@dataclass(frozen=True)
class TextScore:
    """How likely a language model finds a text."""

    tokens: list[str]  # those that were judged: all but the first, where the model has no start mark
    token_log_probs: list[float]  # natural logarithms, one per token

    @property
    def log_prob(self) -> float:
        """The log probability of the text."""
        return math.fsum(self.token_log_probs)

    @property
    def perplexity(self) -> float:
        """Exp of the mean negative log probability per token; 1 is certainty, NaN for no tokens."""
        if not self.tokens:
            return math.nan
        return math.exp(-self.log_prob / len(self.tokens))


class Generator:
    """Continues texts with a program whose task is "generator". Made by `pyseq.load`.

    Usable from many threads at once.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._core = _core.Generator(program.core)

    @property
    def _reader(self) -> ConstraintReader:
        return self._core

    def stream(
        self,
        prompt: str = "",
        *,
        max_length: int = 0,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        seed: int = 0,
        stream: int = 0,
        allowed: Allowed | Sequence[Allowed] = (),
    ) -> Iterator[str]:
        """Write on after a prompt, piece by piece.

        Each token is drawn from softmax(logits / temperature), cut down to the likely ones.

        Args:
            prompt: how the text begins; may be empty where the model has a start mark.
            max_length: tokens to write; 0 for the model's own limit.
            temperature: below 1 prefers likely tokens, above 1 evens them out; 0 always takes the likeliest.
            top_k: only the k likeliest tokens; 0 for all.
            top_p: only the likeliest tokens that together have this probability.
            min_p: only tokens with at least this share of the largest probability.
            seed: the same seed gives the same text, on every machine with the same tier.
            stream: a number per request, for different texts of one seed.
            allowed: a `pyseq.decode.Regex` or `Trie`, or a list of such, which everything behind the prompt is in;
                writing ends where the end mark is drawn, where nothing more is allowed, or at max_length.

        Returns:
            an iterator over what each token adds to the text; it ends at the end mark or at max_length.

        Raises:
            ArgumentError: an impossible option, an empty prompt without a start mark, or nothing that is allowed.
                OutOfRangeError: a character or word that the model does not know.
        """
        sets = automata(allowed, self._reader)
        tokens = self._core.stream(prompt, max_length, temperature, top_k, top_p, min_p, seed, stream, sets)
        return (token.text for token in tokens)

    # What the recurrent-network literature calls it.
    sample = stream

    def generate(self, prompt: str = "", **options: Any) -> str:
        """The prompt and what follows it; options as for `stream`."""
        return prompt + "".join(self.stream(prompt, **options))

    def score(self, text: str) -> TextScore:
        """How likely the model finds a text: log P(text) = Σ log P(token | tokens before it).

        Args:
            text: at least one token; without a start mark the first one is taken for granted.

        Raises:
            ArgumentError: an empty text. OutOfRangeError: a character or word that the model does not know.
        """
        found = self._core.score(text)
        return TextScore(list(found.tokens), list(found.token_log_probs))

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file: what `pyseq.load` and C++ open."""
        self.program.save(file)

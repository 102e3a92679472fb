"""Phrases: words that stand together more often than chance would have it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pyseq import _core


class Phrases:
    """Joins neighbours such as "new york" to one word.

    score(a, b) = (count(ab) - min_count) / (count(a) · count(b)) · words, in Mikolov et al. (2013); or the normalised
    pointwise mutual information log(p(ab) / (p(a) p(b))) / -log p(ab), from -1 to 1 (Bouma 2009).

    Args:
        sentences: texts or lists of words to count; trained phrases can be trained on again for longer ones.
        threshold: pairs with a higher score are phrases.
        min_count: rarer pairs are none.
        scoring: "mikolov" or "npmi".
        delimiter: joins the words.
        common: words that may stand inside of a phrase without counting ("of", "the").

    Raises:
        ArgumentError: another scoring.

    Example:
        >>> from pyseq.embeddings import Phrases
        >>> phrases = Phrases([["new", "york", "is", "big"], ["new", "york"], ["it", "is"]], threshold=0.5, min_count=1)
        >>> phrases.join(["in", "new", "york"])
        ['in', 'new_york']
    """

    def __init__(
        self,
        sentences: Iterable[str | Sequence[str]],
        threshold: float = 10.0,
        min_count: int = 5,
        *,
        scoring: str = "mikolov",
        delimiter: str = "_",
        common: Iterable[str] = (),
    ) -> None:
        if scoring not in ("mikolov", "npmi"):
            raise _core.ArgumentError(f"Phrases: scoring is {scoring!r}, expected 'mikolov' or 'npmi'")
        self.delimiter, self._common = delimiter, frozenset(common)
        words: Counter[str] = Counter()
        pairs: Counter[tuple[str, ...]] = Counter()
        total = 0
        for sentence in sentences:
            units = sentence.split() if isinstance(sentence, str) else sentence
            words.update(units)
            total += len(units)
            pairs.update(run for _, run in self._runs(units))
        self.scores: dict[tuple[str, ...], float] = {}
        for run, count in pairs.items():
            if count < min_count:
                continue
            first, last = words[run[0]], words[run[-1]]
            if scoring == "npmi":
                score = math.log(count / total / (first / total * last / total)) / -math.log(count / total)
            else:
                score = (count - min_count) / (first * last) * len(words)
            if score > threshold:
                self.scores[run] = score

    def _runs(self, units: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Every pair of words with the common words between them, and where it starts."""
        start: int | None = None
        for place, unit in enumerate(units):
            if unit in self._common:
                continue
            if start is not None:
                yield start, tuple(units[start : place + 1])
            start = place

    def join(self, sentence: str | Sequence[str]) -> list[str]:
        """The words of a sentence, phrases joined from the left."""
        units = sentence.split() if isinstance(sentence, str) else list(sentence)
        joined: list[str] = []
        done = 0
        for start, run in self._runs(units):
            if start < done or run not in self.scores:
                continue
            joined += units[done:start]
            joined.append(self.delimiter.join(run))
            done = start + len(run)
        return joined + list(units[done:])

    def join_all(self, sentences: Iterable[str | Sequence[str]]) -> Iterator[list[str]]:
        """`join` of many sentences, one at a time."""
        return (self.join(sentence) for sentence in sentences)

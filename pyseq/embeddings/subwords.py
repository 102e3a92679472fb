"""Vectors of character n-grams, as fastText shares them out to buckets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core


class Subwords:
    """What makes vectors of words that nobody has seen: the mean of the vectors of their character n-grams.

    Args:
        shortest: characters of the shortest n-grams, "<" and ">" around the word counted.
        longest: of the longest ones.
        rows: [buckets, width]; an n-gram has the row fnv1a(n-gram) mod buckets.

    Raises:
        ArgumentError: lengths or rows that make no sense.

    Example:
        >>> import numpy as np
        >>> from pyseq.embeddings import Subwords
        >>> subwords = Subwords(3, 3, np.eye(4, dtype=np.float32))
        >>> subwords.ngrams("abc")
        ['<ab', 'abc', 'bc>']
        >>> subwords.vector("abc").shape
        (4,)
    """

    def __init__(self, shortest: int, longest: int, rows: NDArray[Any]) -> None:
        if not 1 <= shortest <= longest:
            raise _core.ArgumentError(f"subwords: n-grams of {shortest} to {longest} characters")
        if rows.ndim != 2 or not len(rows):
            raise _core.ArgumentError(f"subwords: rows has shape {rows.shape}, expected [buckets, width]")
        self.shortest, self.longest, self.rows = shortest, longest, rows

    def ngrams(self, word: str) -> list[str]:
        """The n-grams of a word, in the order of `buckets`."""
        marked = f"<{word}>"
        return [
            marked[begin : begin + n]
            for begin in range(len(marked))
            for n in range(self.shortest, self.longest + 1)
            if begin + n <= len(marked) and not (n == 1 and begin in (0, len(marked) - 1))
        ]

    def buckets(self, word: str) -> list[int]:
        """The rows of a word's n-grams."""
        found: list[int] = _core.subword_buckets(word, self.shortest, self.longest, len(self.rows))
        return found

    def vector(self, word: str) -> NDArray[np.float32] | None:
        """The mean of the rows of a word's n-grams; None for a word without any."""
        found = self.buckets(word)
        if not found:
            return None
        mean: NDArray[np.float32] = self.rows[found].mean(axis=0, dtype=np.float32)
        return mean

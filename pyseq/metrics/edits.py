"""Edit distance of two sequences of any tokens."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Edits:
    """How a hypothesis differs from its reference, in the fewest edits."""

    substitutions: int
    insertions: int  # tokens of the hypothesis alone
    deletions: int  # tokens of the reference alone
    hits: int  # tokens that are the same

    @property
    def distance(self) -> int:
        """All edits."""
        return self.substitutions + self.insertions + self.deletions

    def __add__(self, other: Edits) -> Edits:
        return Edits(
            self.substitutions + other.substitutions,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.hits + other.hits,
        )


def edit_distance(hypothesis: Sequence[Hashable], reference: Sequence[Hashable]) -> int:
    """The fewest substitutions, insertions and deletions that make one sequence the other (Levenshtein distance).

    d(i, j) = min(d(i−1, j) + 1, d(i, j−1) + 1, d(i−1, j−1) + [h_i ≠ r_j])

    Args:
        hypothesis: tokens, or a text as its characters.
        reference: likewise.

    Source:
        Wagner and Fischer, "The string-to-string correction problem" (1974).

    Example:
        >>> from pyseq import metrics
        >>> metrics.edit_distance("kitten", "sitting"), metrics.edit_distance(["AH0", "B"], ["AH0", "P", "B"])
        (3, 1)
    """
    a, b = _numbered(hypothesis, reference)
    row = np.arange(len(b) + 1)
    for token in a:
        row = _next_row(row, token, b)
    return int(row[-1])


def edits(hypothesis: Sequence[Hashable], reference: Sequence[Hashable]) -> Edits:
    """The kinds of edits of `edit_distance`; where several ways are equally short, substitutions are preferred.

    Example:
        >>> from pyseq import metrics
        >>> metrics.edits("a b x d e".split(), "a b c d".split())
        Edits(substitutions=1, insertions=1, deletions=0, hits=3)
    """
    a, b = _numbered(hypothesis, reference)
    rows = [np.arange(len(b) + 1)]
    for token in a:
        rows.append(_next_row(rows[-1], token, b))
    return _walk_back(np.stack(rows), a, b)


def _next_row(row: NDArray[Any], token: int, reference: NDArray[Any]) -> NDArray[Any]:
    """Row i of the table from row i − 1, in whole-row operations.

    Without d(i, j−1) + 1, every entry depends on the row before alone; that last term is min over k ≤ j of
    d(i, k) + (j − k), a running minimum.
    """
    columns = np.arange(len(row))
    best = row + 1
    best[1:] = np.minimum(best[1:], row[:-1] + (reference != token))
    found: NDArray[Any] = np.minimum.accumulate(best - columns) + columns
    return found


def _walk_back(table: NDArray[Any], a: NDArray[Any], b: NDArray[Any]) -> Edits:
    i, j = len(a), len(b)
    substitutions = insertions = deletions = hits = 0
    while i or j:
        if i and j and table[i, j] == table[i - 1, j - 1] + (a[i - 1] != b[j - 1]):
            i, j = i - 1, j - 1
            if a[i] == b[j]:
                hits += 1
            else:
                substitutions += 1
        elif i and table[i, j] == table[i - 1, j] + 1:
            insertions, i = insertions + 1, i - 1
        else:
            deletions, j = deletions + 1, j - 1
    return Edits(substitutions, insertions, deletions, hits)


def _numbered(*sequences: Sequence[Hashable]) -> list[NDArray[Any]]:
    """Equal tokens become equal numbers, so that rows are compared at once."""
    numbers: dict[Hashable, int] = {}
    return [
        np.array([numbers.setdefault(token, len(numbers)) for token in sequence], np.int64) for sequence in sequences
    ]

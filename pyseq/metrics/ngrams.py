"""BLEU from its parts, on tokens: modified n-gram precision, clipping, brevity penalty."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pyseq import _core
from pyseq.metrics.checks import same_number

Token = TypeVar("Token", bound=Hashable)
Tokens = Sequence[Token]


def ngram_counts(tokens: Tokens[Token], n: int) -> Counter[tuple[Token, ...]]:
    """How often every sequence of n tokens occurs.

    Example:
        >>> from pyseq.metrics.ngrams import ngram_counts
        >>> ngram_counts("the cat the cat".split(), 2)[("the", "cat")]
        2
    """
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def clipped_counts(
    hypothesis: Tokens[Token], references: Sequence[Tokens[Token]], n: int
) -> Counter[tuple[Token, ...]]:
    """Count_clip(g) = min(count of g in the hypothesis, the largest count of g in one reference).

    Without clipping, a hypothesis of one frequent word repeated would have precision 1.

    Example:
        >>> from pyseq.metrics.ngrams import clipped_counts
        >>> clipped_counts(["the"] * 7, ["the cat is on the mat".split(), "there is a cat".split()], 1)[("the",)]
        2
    """
    largest: Counter[tuple[Token, ...]] = Counter()
    for reference in references:
        largest |= ngram_counts(reference, n)
    return ngram_counts(hypothesis, n) & largest


def modified_precision(
    hypotheses: Sequence[Tokens[Token]], references: Sequence[Sequence[Tokens[Token]]], n: int
) -> tuple[int, int]:
    """p_n = Σ Count_clip(g) / Σ Count(g) over all n-grams g of all hypotheses, as its two sums.

    Args:
        hypotheses: tokens of every sentence.
        references: per sentence a list of references.
        n: length of the n-grams.

    Returns:
        clipped matches, and n-grams of the hypotheses.

    Raises:
        ArgumentError: unequal numbers of hypotheses and references.

    Source:
        Papineni et al., "BLEU: a method for automatic evaluation of machine translation" (2002).

    Example:
        >>> from pyseq import metrics
        >>> metrics.modified_precision(["the the the the".split()], [["the cat on the mat".split()]], 1)
        (2, 4)
    """
    same_number("modified_precision", hypotheses, references)
    matches = sum(clipped_counts(one, several, n).total() for one, several in zip(hypotheses, references, strict=True))
    return matches, sum(max(0, len(one) - n + 1) for one in hypotheses)


def closest_length(length: int, references: Sequence[Sequence[Hashable]]) -> int:
    """The reference length nearest to that of a hypothesis; of two equally near, the shorter one."""
    return min((len(one) for one in references), key=lambda found: (abs(found - length), found))


def brevity_penalty(length: int, reference_length: int) -> float:
    """BP = 1 if c > r, else e^(1 − r / c): what hypotheses that leave words out lose, as precision does not see it.

    Args:
        length: c, tokens of all hypotheses.
        reference_length: r, tokens of the references nearest in length.

    Example:
        >>> from pyseq import metrics
        >>> metrics.brevity_penalty(12, 10), round(metrics.brevity_penalty(8, 10), 4)
        (1.0, 0.7788)
    """
    if length > reference_length:
        return 1.0
    return math.exp(1 - reference_length / length) if length else 0.0


@dataclass(frozen=True)
class BleuStatistics:
    """What BLEU is computed from; statistics of sentences add up to those of a text.

    Attributes:
        matches, totals: clipped matches and n-grams of the hypotheses, for n = 1, 2, …
        length, reference_length: c and r of the brevity penalty.
    """

    matches: tuple[int, ...]
    totals: tuple[int, ...]
    length: int
    reference_length: int

    @classmethod
    def of(cls, hypothesis: Tokens[Token], references: Sequence[Tokens[Token]], max_order: int = 4) -> BleuStatistics:
        """The statistics of one sentence with its references (at least one)."""
        if not references:
            raise _core.ArgumentError("bleu_of_tokens: a sentence has no reference")
        pairs = [modified_precision([hypothesis], [references], n) for n in range(1, max_order + 1)]
        matches, totals = zip(*pairs, strict=True)
        return cls(matches, totals, len(hypothesis), closest_length(len(hypothesis), references))

    @classmethod
    def from_row(cls, row: Sequence[float]) -> BleuStatistics:
        """The inverse of `row`, for sums of rows too."""
        order = (len(row) - 2) // 2
        whole = [round(value) for value in row]
        return cls(tuple(whole[:order]), tuple(whole[order : 2 * order]), whole[-2], whole[-1])

    def row(self) -> list[int]:
        """All figures in one list, for `bootstrap_interval`."""
        return [*self.matches, *self.totals, self.length, self.reference_length]

    def __add__(self, other: BleuStatistics) -> BleuStatistics:
        return BleuStatistics.from_row([a + b for a, b in zip(self.row(), other.row(), strict=True)])

    def score(self, smoothing: str = "none") -> float:
        """BLEU = 100 · BP · exp(1/N Σ log p_n).

        Args:
            smoothing: what becomes of p_n without matches: "none": the score is 0; "exp": the k-th of them is
                1 / (2^k · n-grams), as sacrebleu does by default.

        Raises:
            ArgumentError: another kind of smoothing.
        """
        if smoothing not in ("none", "exp"):
            raise _core.ArgumentError(f"bleu_of_tokens: smoothing is {smoothing!r}, expected 'none' or 'exp'")
        if 0 in self.totals or not any(self.matches) or (smoothing == "none" and 0 in self.matches):
            return 0.0
        logs, halving = [], 1.0
        for matches, total in zip(self.matches, self.totals, strict=True):
            halving *= 1.0 if matches else 2.0
            logs.append(math.log((matches or 1 / halving) / total))
        return 100 * brevity_penalty(self.length, self.reference_length) * math.exp(math.fsum(logs) / len(logs))


def bleu_of_tokens(
    hypotheses: Sequence[Tokens[Token]],
    references: Sequence[Sequence[Tokens[Token]]],
    max_order: int = 4,
    smoothing: str = "none",
) -> float:
    """BLEU = 100 · BP · exp(1/N Σ_n log p_n) of token lists, from modified precisions and the brevity penalty.

    Args:
        hypotheses: tokens of every sentence (of any kind that can be counted).
        references: per sentence a list of references.
        max_order: N.
        smoothing: see `BleuStatistics.score`.

    Raises:
        ArgumentError: unequal numbers, a sentence without references, unknown smoothing.

    Source:
        Papineni et al. (2002).

    Example:
        >>> from pyseq import metrics
        >>> hypothesis, reference = "the cat sat on the mat".split(), "the cat sat on a mat".split()
        >>> round(metrics.bleu_of_tokens([hypothesis], [[reference]]), 2)
        53.73
    """
    same_number("bleu_of_tokens", hypotheses, references)
    rows = [
        BleuStatistics.of(one, several, max_order).row() for one, several in zip(hypotheses, references, strict=True)
    ]
    return BleuStatistics.from_row([sum(column) for column in zip(*rows, strict=True)]).score(smoothing)

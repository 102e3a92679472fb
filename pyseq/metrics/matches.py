"""Exact matches, words in common and error rates, over all examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from pyseq import _core
from pyseq.metrics.checks import library, same_number
from pyseq.metrics.edits import edit_distance


def exact_match(hypotheses: Sequence[object], references: Sequence[object]) -> float:
    """Share of hypotheses that are equal to their reference.

    Example:
        >>> from pyseq import metrics
        >>> metrics.exact_match(["a b", "c"], ["a b", "d"])
        0.5
    """
    same_number("exact_match", hypotheses, references)
    return sum(a == b for a, b in zip(hypotheses, references, strict=True)) / len(hypotheses)


def token_f1(hypotheses: Sequence[Sequence[Hashable]], references: Sequence[Sequence[Hashable]]) -> float:
    """Mean over examples of F1 = 2 · common / (hypothesis tokens + reference tokens), whatever their order.

    Args:
        hypotheses: tokens of every example, not joined.
        references: likewise. Two empty ones have F1 = 1.

    Example:
        >>> from pyseq import metrics
        >>> round(metrics.token_f1([["red", "heart"]], [["blue", "heart", "suit"]]), 3)
        0.4
    """
    same_number("token_f1", hypotheses, references)
    total = 0.0
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        length = len(hypothesis) + len(reference)
        total += 2 * (Counter(hypothesis) & Counter(reference)).total() / length if length else 1.0
    return total / len(hypotheses)


def token_error_rate(hypotheses: Sequence[Sequence[Hashable]], references: Sequence[Sequence[Hashable]]) -> float:
    """Edits over all examples / tokens of all references; with phonemes as tokens, the phoneme error rate.

    Args:
        hypotheses: tokens of every example.
        references: likewise.

    Raises:
        ArgumentError: unequal numbers, or references without any token.

    Example:
        >>> from pyseq import metrics
        >>> metrics.token_error_rate([["K", "AE1", "T"]], [["K", "AA1", "T", "S"]])
        0.5
    """
    same_number("token_error_rate", hypotheses, references)
    length = sum(map(len, references))
    if not length:
        raise _core.ArgumentError("token_error_rate: the references have no tokens, expected one at least")
    return sum(edit_distance(a, b) for a, b in zip(hypotheses, references, strict=True)) / length


def word_error_rate(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Word edits / words of the references, by jiwer.

    Raises:
        ArgumentError: unequal numbers, or nothing but empty references. UnsupportedError: jiwer is not installed.

    Example:
        >>> from pyseq import metrics
        >>> metrics.word_error_rate(["the cat sat"], ["the cats sat down"])
        0.5
    """
    return _by_jiwer("wer", "word_error_rate", hypotheses, references)


def character_error_rate(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Character edits / characters of the references, by jiwer.

    Raises:
        ArgumentError: unequal numbers, or nothing but empty references. UnsupportedError: jiwer is not installed.

    Example:
        >>> from pyseq import metrics
        >>> metrics.character_error_rate(["cat"], ["cats"])
        0.25
    """
    return _by_jiwer("cer", "character_error_rate", hypotheses, references)


def _by_jiwer(function: str, name: str, hypotheses: Sequence[str], references: Sequence[str]) -> float:
    same_number(name, hypotheses, references)
    if not any(one.strip() for one in references):
        raise _core.ArgumentError(f"{name}: the references are empty")
    return float(getattr(library("jiwer"), function)(list(references), list(hypotheses)))

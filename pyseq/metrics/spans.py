"""Spans that labels of words mark: names of people and places, for instance."""

from __future__ import annotations

from collections.abc import Sequence

from pyseq.metrics.checks import same_number
from pyseq.text import label_spans


def span_f1(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> float:
    """F1 = 2 · common / (found spans + marked spans) over all texts; a span counts when label, begin and end are right.

    Args:
        hypotheses: labels of the words of every text, of any scheme that `pyseq.text.label_spans` reads.
        references: likewise. Without any span on both sides F1 is 1.

    Example:
        >>> from pyseq import metrics
        >>> metrics.span_f1([["I-PER", "O", "I-LOC"]], [["I-PER", "O", "O"]])
        0.6666666666666666
    """
    same_number("span_f1", hypotheses, references)
    common, total = 0, 0
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        found, marked = set(label_spans(hypothesis)), set(label_spans(reference))
        common += len(found & marked)
        total += len(found) + len(marked)
    return 2 * common / total if total else 1.0

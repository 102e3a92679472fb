"""Spans that labels of words mark: names of people and places, for instance."""

from __future__ import annotations

from collections.abc import Sequence

from pyseq.metrics.checks import same_number

OUTSIDE = "O"
Span = tuple[str, int, int]


def labelled_spans(labels: Sequence[str]) -> set[Span]:
    """(label, begin, end) of words with one label: B-X begins a span, I-X and X go on with one or begin one.

    Example:
        >>> from pyseq import metrics
        >>> sorted(metrics.labelled_spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"]))
        [('LOC', 3, 4), ('LOC', 4, 5), ('PER', 0, 2)]
    """
    spans: set[Span] = set()
    begin, open_label = 0, OUTSIDE
    for place, label in enumerate([*labels, OUTSIDE]):
        prefix, _, name = label.rpartition("-")
        if name == open_label and prefix != "B":
            continue
        if open_label != OUTSIDE:
            spans.add((open_label, begin, place))
        begin, open_label = place, name
    return spans


def span_f1(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> float:
    """F1 = 2 · common / (found spans + marked spans) over all texts; a span counts when label, begin and end are right.

    Args:
        hypotheses: labels of the words of every text.
        references: likewise. Without any span on both sides F1 is 1.

    Example:
        >>> from pyseq import metrics
        >>> metrics.span_f1([["I-PER", "O", "I-LOC"]], [["I-PER", "O", "O"]])
        0.6666666666666666
    """
    same_number("span_f1", hypotheses, references)
    common, total = 0, 0
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        found, marked = labelled_spans(hypothesis), labelled_spans(reference)
        common += len(found & marked)
        total += len(found) + len(marked)
    return 2 * common / total if total else 1.0

"""Labels of words that mark spans: BIO, IOB1, IO and BIOES, their spans, and which labels may follow each other.

In BIO, B-X begins a span of the kind X, I-X goes on with it and O is outside. BIOES marks the last word of a span as
E-X, and a span of one word as S-X. IOB1 writes B-X only where a span of the same kind ends just before; IO never does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from pyseq import _core

Scheme = Literal["BIO", "BIOES"]
OUTSIDE = "O"


class LabelSpan(NamedTuple):
    """Neighbouring words of one kind."""

    kind: str
    begin: int  # the first word
    end: int  # behind the last one


class TagConstraints(NamedTuple):
    """Which labels may follow which (row: the first one), begin and end a sequence."""

    allowed: NDArray[np.bool_]
    allowed_start: NDArray[np.bool_]
    allowed_end: NDArray[np.bool_]


def label_spans(labels: Sequence[str]) -> list[LabelSpan]:
    """The spans that labels of any of the schemes mark.

    A label that goes on with a span that is not there begins one, as in the evaluation of CoNLL.

    Args:
        labels: such as B-X, I-X, E-X, S-X, or X alone (which is read as I-X), and O.

    Example:
        >>> from pyseq.text import label_spans
        >>> label_spans(["B-PER", "I-PER", "O", "I-LOC"])
        [LabelSpan(kind='PER', begin=0, end=2), LabelSpan(kind='LOC', begin=3, end=4)]
    """
    spans: list[LabelSpan] = []
    is_open = False
    for place, label in enumerate(labels):
        prefix, kind = _parts(label)
        if label == OUTSIDE:
            is_open = False
            continue
        if is_open and spans[-1].kind == kind and prefix in "IE":
            spans[-1] = LabelSpan(kind, spans[-1].begin, place + 1)
        else:
            spans.append(LabelSpan(kind, place, place + 1))
        is_open = prefix in "BI"
    return spans


def span_labels(spans: Iterable[tuple[str, int, int]], length: int, scheme: Scheme = "BIO") -> list[str]:
    """The labels of `length` words that mark spans: the way back from `label_spans`.

    Args:
        spans: kind, first word, end; they do not overlap.
        length: words.
        scheme: "BIO" or "BIOES".

    Raises:
        ArgumentError: another scheme, spans that overlap or lie outside.

    Example:
        >>> from pyseq.text import span_labels
        >>> span_labels([("PER", 0, 2), ("LOC", 3, 4)], 4, "BIOES")
        ['B-PER', 'E-PER', 'O', 'S-LOC']
    """
    _check_scheme(scheme)
    labels = [OUTSIDE] * length
    for kind, begin, end in spans:
        if not 0 <= begin < end <= length or any(label != OUTSIDE for label in labels[begin:end]):
            raise _core.ArgumentError(
                f"span_labels: {kind} at {begin} to {end} overlaps or lies outside {length} words"
            )
        labels[begin:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - begin - 1)
        if scheme == "BIOES":
            labels[end - 1] = f"{'S' if end - begin == 1 else 'E'}-{kind}"
    return labels


def tag_constraints(labels: Sequence[str], scheme: Scheme = "BIO") -> TagConstraints:
    """Which labels may follow each other, begin and end a sequence: what `nn.CRF` takes.

    Args:
        labels: O and labels with the prefixes of the scheme.
        scheme: "BIO" or "BIOES".

    Raises:
        ArgumentError: another scheme, or a label that is none of its.

    Example:
        >>> from pyseq.text import tag_constraints
        >>> tag_constraints(["O", "B-X", "I-X"]).allowed.astype(int).tolist()  # I-X does not follow O
        [[1, 1, 0], [1, 1, 1], [1, 1, 1]]
    """
    _check_scheme(scheme)
    prefixes = tuple(f"{letter}-" for letter in scheme if letter != OUTSIDE)
    for label in labels:
        if label != OUTSIDE and not label.startswith(prefixes):
            raise _core.ArgumentError(f"tag_constraints: label {label!r} is none of {scheme}")
    follows = [[_may_follow(before, label, scheme) for label in labels] for before in labels]
    first = [_may_follow(OUTSIDE, label, scheme) for label in labels]
    last = [_may_follow(label, OUTSIDE, scheme) for label in labels]
    return TagConstraints(*(np.array(part, bool) for part in (follows, first, last)))


def _may_follow(before: str, label: str, scheme: Scheme) -> bool:
    prefix_before, kind_before = _parts(before)
    prefix, kind = _parts(label)
    goes_on = label != OUTSIDE and prefix in "IE"
    can_go_on = before != OUTSIDE and prefix_before in "BI"
    if goes_on:
        return can_go_on and kind == kind_before
    return scheme == "BIO" or not can_go_on


def _parts(label: str) -> tuple[str, str]:
    """B-X -> B, X; a label without a prefix -> I and the label."""
    prefix, dash, kind = label.partition("-")
    return (prefix, kind) if dash and prefix in ("B", "I", "E", "S") else ("I", label)


def _check_scheme(scheme: Any) -> None:
    if scheme not in get_args(Scheme):
        raise _core.ArgumentError(f"tagging: scheme is {scheme!r}, expected BIO or BIOES")
